"""`migrate.roundtrip`: proves that each revision can be applied, reverted and applied again, and touches only its own.

The live database is only asked which revisions are pending; everything runs on scratch databases of its server.
"""

from __future__ import annotations

import math
import os
import time
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from aegisdb.applied.version_tables import read_versions
from aegisdb.building.buildable import Buildable, needed_only, without_unreadable
from aegisdb.building.proof_target import proving
from aegisdb.engines.choice import require_engine
from aegisdb.errors import NoDatabase, UsageError
from aegisdb.proofs.turns import Turns
from aegisdb.revisions.load import good_histories, with_history
from aegisdb.revisions.locate import alembic_settings
from aegisdb.revisions.order import service_order
from aegisdb.runtime.forkserver import warm_process
from aegisdb.shards import Shard
from aegisdb.workflows.migrate.concerned import about
from aegisdb.workflows.migrate.remembered_proofs import ProvenBefore, RememberedProofs
from aegisdb.workflows.migrate.roundtrip_parts import Part, PartProver, by_service, side_by_side
from aegisdb.workflows.migrate.roundtrip_problems import problems_of, strays_of
from aegisdb.workflows.migrate.roundtrip_result import RoundtripResult
from aegisdb.workflows.migrate.roundtrip_with_data import OnRows, add_data, prove_with_data

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aegisdb.errors import Problem
    from aegisdb.proofs.revision_proof import ServiceProof
    from aegisdb.revisions.history import History
    from aegisdb.runtime.session import Session
    from aegisdb.runtime.step_results import Loaded
    from aegisdb.workflows.migrate.roundtrip_parts import Proved
    from aegisdb.workspace import Workspace

SIDE_BY_SIDE = 4
"""Proofs at a time, where there are as many cores: each has a worker process and a backend."""

_TWICE = 2000
"""A revision of a history takes about twice as long where so many came before it: each reading looks through what they
made (docs/performance.md)."""

_WORTH_PARTS = 16  # revisions of one service: below that, building the second half's parent costs what it saves

Scope = dict[str, frozenset[str]]


def roundtrip(  # noqa: PLR0913  choices of their own, all by keyword
    ws: Workspace,
    *,
    service: str = "",
    pending: bool = False,
    all: bool = False,  # noqa: A002  the documented flag
    last: int = 0,
    with_data: bool = False,
    only: Mapping[str, frozenset[str]] | None = None,
    again: bool = True,
    engine: str = "",
    shard: str = "",
) -> RoundtripResult:
    """Prove revisions on scratch databases: every one, the last of each service, pending ones, or `only` these.

    Without a choice: the pending revisions; where none is pending, the last one of each service, or all of `service`.
    Exit 6 when a revision is not clean. Without `again` those that were proven as they are now are not proven again.
    With an `engine` its workers prove them (`--with-data` runs here all the same); the result is no other. With a
    `shard` only the services of that part are proven.

    Raises:
        HistoryError: `service`, or one that it needs, cannot be read; Unreachable; UsageError: there is no such engine.
    """
    began, everything, mine = time.monotonic(), ws, Shard.parse(shard)
    require_engine(engine)
    parts = _readable(ws, service, at_once=again)
    ws, histories = parts.ws, good_histories(parts.ws.registry)
    words, scope = _scope(ws, histories, only, service=service, pending=pending, every=all, last=last)
    scope = {name: revisions for name, revisions in scope.items() if mine.has(name)}
    order = [name for name in service_order(ws.registry, histories) if scope.get(name)]
    run = _Run(proving(ws) if order else ws, histories, engine)
    remembered = RememberedProofs(run.ws, histories, run.steady(scope, order))
    before = () if again else remembered.known({name: scope[name] for name in order})
    proofs = run.schema(order, _without(scope, before))
    rows, seeds = _with_data(everything, scope, proofs) if with_data and order else ("", ())
    found = tuple(proofs.values())
    result = RoundtripResult(
        services=found,
        scope=words,
        shard=shard,
        with_data=with_data,
        rows=rows,
        before=before,
        seconds=time.monotonic() - began,
        problems=(*problems_of(found), *strays_of(histories, order), *seeds, *_unreadable(parts, mine)),
    )
    remembered.remember(found, run.loaded)
    _keep(ws, result)
    return result


def _readable(ws: Workspace, service: str, *, at_once: bool) -> Buildable:
    ws = _about(ws, service)
    if at_once:
        warm_process(ws.registry)
    return Buildable(needed_only(ws, service), {}) if service in with_history(ws.registry) else without_unreadable(ws)


def _unreadable(parts: Buildable, mine: Shard) -> Iterator[Problem]:
    for name, error in parts.errors.items():
        if mine.has(name):
            yield from error.problems


def _about(ws: Workspace, service: str) -> Workspace:
    if not service:
        return ws
    alembic_settings(ws.registry, service)
    return about(ws, service)


def _without(scope: Scope, before: tuple[ProvenBefore, ...]) -> Scope:
    known = {(one.service, one.revision) for one in before}
    return {name: frozenset(r for r in ids if (name, r) not in known) for name, ids in scope.items()}


def _with_data(ws: Workspace, scope: Scope, proofs: dict[str, ServiceProof]) -> tuple[str, tuple[Problem, ...]]:
    """Add to the proofs what happens to rows; where these come from, and what is wrong with the seeds."""
    whole = without_unreadable(ws).ws  # rows may come from seeds of services that are not asked for
    rows, on_rows, seeds = _Run(proving(whole), good_histories(whole.registry)).data(scope)
    add_data(proofs, on_rows)
    return rows, seeds


def _keep(ws: Workspace, result: RoundtripResult) -> None:
    from aegisdb.workflows.migrate.roundtrip_result import keep_roundtrip

    if result.services:
        keep_roundtrip(ws, result)


class _Run:
    """A run of the proof: which parts it has, and who proves them."""

    def __init__(self, ws: Workspace, histories: Mapping[str, History], engine: str = "") -> None:
        self.ws = ws
        self._histories = histories
        self._engine = engine
        self._loaded: list[tuple[str, Loaded]] = []

    @cached_property
    def _turns(self) -> Turns:
        return Turns.of(self.ws, self._histories)

    @property
    def loaded(self) -> dict[str, Loaded]:
        """What the process of each service had imported."""
        found: dict[str, Loaded] = {}
        for name, loaded in self._loaded:
            found[name] = loaded.and_of(found.get(name))
        return found

    def steady(self, scope: Scope, order: list[str]) -> list[str]:
        """Services whose proofs only files decide; of those that rest on each other in turn, a journal does, too."""
        return [name for name in order if not self._turns.of_service(name, scope[name])]

    def schema(self, order: list[str], scope: Scope) -> dict[str, ServiceProof]:
        """Services side by side, and parts of long histories."""
        order = [name for name in order if scope[name]]
        if not order:
            return {}
        proved = self._proved(order, scope)
        for one in proved:
            if one.loaded is not None:
                self._loaded.append((one.proof.service, one.loaded))
        return by_service(one.proof for one in proved)

    def _proved(self, order: list[str], scope: Scope) -> list[Proved]:
        def cut(workers: int) -> list[Part]:
            return [part for name in order for part in self._parts(name, scope[name], workers // len(order))]

        width = min(SIDE_BY_SIDE, os.cpu_count() or 1)
        if self._engine:
            from aegisdb.workflows.migrate.roundtrip_elsewhere import prove_elsewhere

            return prove_elsewhere(self.ws, self._histories, self._engine, cut, width)
        warm_process(self.ws.registry)
        self.ws.client.use_driver()
        return side_by_side(PartProver(self.ws, self._histories), cut(width), width)

    def _parts(self, name: str, scope: frozenset[str], count: int) -> list[Part]:
        return [Part(name, part, self._turns.before(name, part)) for part in self._rows(name, scope, count)]

    def _rows(self, name: str, scope: frozenset[str], count: int) -> list[frozenset[str]]:
        """The scope in `count` rows of revisions; each is proven on a database of its own, built forward to it.

        Each begins with the last one of the part before, so that every revision is met where one below it has been
        taken down and up again, as in one piece.
        """
        if turns := self._turns.of_service(name, scope):
            return turns
        listed = [revision.id for revision in self._histories[name].ordered() if revision.id in scope]
        if count < 2 or len(listed) < _WORTH_PARTS or self.ws.registry.services[name].stamp:  # noqa: PLR2004
            return [scope]
        starts = [_share(part / count, len(listed)) for part in range(count + 1)]
        return [frozenset(listed[max(begin - 1, 0) : end]) for begin, end in pairwise(starts)]

    def data(self, scope: Scope) -> OnRows:
        """Prove the revisions on rows, and say whose rows they are."""
        kept: list[Session] = []
        return prove_with_data(self.ws, self._histories, scope, kept.append)


def _scope(
    ws: Workspace,
    histories: Mapping[str, History],
    only: Mapping[str, frozenset[str]] | None,
    *,
    service: str,
    pending: bool,
    every: bool,
    last: int,
) -> tuple[str, Scope]:
    if only is not None:
        return "what is new or changed", dict(only)
    if (pending, every, last > 0).count(True) > 1:
        raise UsageError("--pending, --all and --last exclude each other")
    if last < 0:
        raise UsageError("--last takes a number of revisions, 1 or more")
    if service:
        alembic_settings(ws.registry, service)
    chosen = {name: history for name, history in histories.items() if service in {"", name}}
    if every:
        return "all revisions", {name: frozenset(h.revisions) for name, h in chosen.items()}
    if last:
        return f"the last {last} of each service", {name: _last(h, last) for name, h in chosen.items()}
    waiting = _pending(ws, chosen)
    if pending or any(waiting.values()):
        return "pending revisions", waiting
    if service:
        return "nothing is pending: all revisions", {name: frozenset(h.revisions) for name, h in chosen.items()}
    return "nothing is pending: the last one of each service", {name: _last(h, 1) for name, h in chosen.items()}


def _share(share: float, revisions: int) -> int:
    """How many of the first revisions take this share of the time that all take."""
    whole = revisions + revisions**2 / (2 * _TWICE)
    return round(math.sqrt(_TWICE**2 + 2 * _TWICE * share * whole) - _TWICE)


def _last(history: History, count: int) -> frozenset[str]:
    return frozenset(revision.id for revision in history.ordered()[-count:])


def _pending(ws: Workspace, histories: Mapping[str, History]) -> Scope:
    try:
        with ws.connect() as conn:
            applied = read_versions(conn, histories.values())
    except NoDatabase:
        applied = dict.fromkeys(histories, ())
    return {name: frozenset(r.id for r in h.pending(applied[name])) for name, h in histories.items()}
