"""`service.owners`: whose each object of the live database is; what is contested, claimed but missing, or nobody's."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.building.buildable import buildable
from aegisdb.drift.expected_schema import base_schema
from aegisdb.errors import Problem
from aegisdb.fingerprint import read
from aegisdb.fingerprint.keys import parse
from aegisdb.models.comparison import compare_models
from aegisdb.models.problems import lost_problem
from aegisdb.models.results import LostModel, ModelsCompared
from aegisdb.ownership import NOBODY, Owners, orphaned_claims
from aegisdb.results import Result
from aegisdb.revisions.history import History
from aegisdb.revisions.load import read_histories

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aegisdb.fingerprint import Fingerprint
    from aegisdb.workspace import Workspace

_PARTS = frozenset({"column", "column order", "constraint", "index", "trigger", "rule", "policy", "statistics"})


@dataclass(frozen=True, kw_only=True)
class Contested:
    """An object that several services claim."""

    object: str
    services: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Orphaned:
    """An entry of `owns` that names nothing in the database."""

    service: str
    pattern: str


@dataclass(frozen=True, kw_only=True)
class OwnersResult(Result):
    """Tables and other objects that stand on their own, by owner; parts of a table follow it."""

    owned: Mapping[str, tuple[str, ...]]
    counts: Mapping[str, int]
    """All objects of each owner, columns and indexes included."""
    contested: tuple[Contested, ...]
    orphaned: tuple[Orphaned, ...]
    unowned: tuple[str, ...]
    models: tuple[LostModel, ...] = ()
    """Models for which no revision is ever written."""


def owners(ws: Workspace) -> OwnersResult:
    """Tell the owner of every object of the live database and of the models; orphaned entries are told.

    Exit 6 for what is contested or unowned.

    Raises:
        Unreachable: no server or no database.
    """
    known = Owners(ws.registry, base_schema(ws))
    with ws.connect() as conn:
        live = read(conn)
    whose = known.owners(live)
    standing = [key for key in sorted(whose) if _stands_alone(key)]
    owned: dict[str, tuple[str, ...]] = {}
    for key in standing:
        if whose[key] != NOBODY:
            owned[whose[key]] = (*owned.get(whose[key], ()), key)
    contested = tuple(_contested(known, live, standing))
    unowned = tuple(key for key in standing if whose[key] == NOBODY)
    models = tuple(_lost_models(ws))
    problems = [_contested_problem(one) for one in contested] + [_unowned_problem(key) for key in unowned]
    problems += [lost_problem(ws.registry, service, model) for service, model in models]
    return OwnersResult(
        owned=dict(sorted(owned.items())),
        counts=dict(sorted(Counter(owner or "nobody" for owner in whose.values()).items())),
        contested=contested,
        orphaned=tuple(Orphaned(service=c.service, pattern=c.pattern) for c in orphaned_claims(known, live)),
        unowned=unowned,
        models=tuple(model for _, model in models),
        problems=tuple(problems),
    )


def _lost_models(ws: Workspace) -> Iterator[tuple[str, LostModel]]:
    """What no revision is written for, by service, as far as its history builds and its env.py runs."""
    parts = buildable(ws)
    sound = [one for one in read_histories(parts.ws.registry).values() if isinstance(one, History)]
    for service, found in compare_models(parts.ws, sound, whole=ws).items():
        if isinstance(found, ModelsCompared):
            yield from ((service, model) for model in found.lost)


def unowned_objects(known: Owners, live: Fingerprint) -> tuple[str, ...]:
    """Objects that stand on their own and that no service owns, sorted."""
    return tuple(key for key, owner in sorted(known.owners(live).items()) if owner == NOBODY and _stands_alone(key))


def _stands_alone(key: str) -> bool:
    return not key.startswith(("comment on ", "grants on ", "security label ")) and parse(key).kind not in _PARTS


def _contested(known: Owners, live: Fingerprint, keys: list[str]) -> Iterator[Contested]:
    for key in keys:
        services = known.claimants(key, live.relations.get(key, ""))
        if len(services) > 1:
            yield Contested(object=key, services=services)


def _contested_problem(one: Contested) -> Problem:
    return Problem(
        code="contested",
        message=f"{one.object} is claimed by {' and '.join(one.services)}",
        hint="narrow one of the patterns in services.yaml",
        where=one.object,
    )


def _unowned_problem(key: str) -> Problem:
    return Problem(
        code="unowned",
        message=f"no service owns {key}",
        hint="add it to `owns` of a service, or drop it by hand",
        where=key,
    )
