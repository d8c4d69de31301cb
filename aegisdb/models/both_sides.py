"""The two sides of a comparison of models: what the histories build, and what the models build in its place."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.drift.expected_schema import base_schema, schema_at_head
from aegisdb.fingerprint import Fingerprint, read
from aegisdb.fingerprint.keys import parse, relation_name
from aegisdb.models.normal_form import is_partition
from aegisdb.models.results import LostModel
from aegisdb.ownership import NOBODY, Owners
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import StepOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.runtime.step_results import ModelsBuilt
    from aegisdb.workspace import Workspace

_TYPES = frozenset({"type", "domain"})


@dataclass(frozen=True)
class Sides:
    """What one service owns of both, and what its worker told."""

    head: Fingerprint
    models: Fingerprint
    built: ModelsBuilt


class BothSides:
    """The histories at head, in the template `source`, and who owns what there, as far as `knowing` has them."""

    def __init__(self, ws: Workspace, source: str, knowing: Workspace) -> None:
        self._ws = ws
        self._template = source
        self.head = schema_at_head(ws)
        self._owners = Owners(knowing.registry, base_schema(ws))
        self._owner_at_head = self._owners.owners(self.head)

    def of(self, history: History) -> Sides:
        """Build the models of a service in a scratch database; the part that it owns of both."""
        built, models = self._built(history)
        service = history.service
        return Sides(self.part(service, built, self.head, models), self.part(service, built, models), built)

    def part(self, service: str, built: ModelsBuilt, found: Fingerprint, *more: Fingerprint) -> Fingerprint:
        """What the service owns of this schema; `more` tell who uses what, as the head does."""
        own, whose = _Own(self._ws.registry, service, built), self._owners.owners(self.head, found, *more)
        facts = {
            key: text
            for key, text in found.facts.items()
            if own.has(key, found.relations.get(key, ""), whose[key]) and not self._is_of_version_table(key, found)
        }
        return Fingerprint(facts, found.relations)

    def objects(self, service: str) -> dict[str, list[tuple[str, str]]]:
        """Schema and name of what stands on its own at head: the service's "own", and what "others" have."""
        own = _Own(self._ws.registry, service)
        found: dict[str, list[tuple[str, str]]] = {"own": [], "others": []}
        for key, owner in self._owner_at_head.items():
            if (not self.head.relations.get(key) and not key.startswith(_ABOUT)) or key.startswith(_RELATIONS):
                name = parse(key)
                found["own" if own.has(key, "", owner) else "others"].append((name.schema, name.name))
        return found

    def _built(self, history: History) -> tuple[ModelsBuilt, Fingerprint]:
        ws = self._ws
        with scratch(ws.address(), template=self._template, label=f"models of {history.service}") as address:
            with connect(address) as conn:
                identity = conn.identity()
            options = StepOptions(listen=ws.listen, journal=False)
            with Session(ws.registry, history, address, identity, options) as session:
                built = session.build_models(self._owned(history.service))
            with connect(address) as conn:
                return built, read(conn)

    def _owned(self, service: str) -> dict[str, list[tuple[str, str]]]:
        """What the service owns at head and its models may make anew; without `owns` all that nobody owns."""
        own = _Own(self._ws.registry, service)
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for key, owner in self._owner_at_head.items():
            name = parse(key)
            kind = "type" if name.kind in _TYPES else name.kind
            if kind not in {"table", "type", "sequence"} or key.startswith(_ABOUT) or not own.has(key, "", owner):
                continue
            if name.qualified in self._owners.version_tables:
                continue
            if not (kind == "table" and is_partition(self.head.facts[key])):
                found[f"{kind}s"].append((name.schema, name.name))
        return {kind: found[kind] for kind in ("tables", "types", "sequences")}

    def _is_of_version_table(self, key: str, found: Fingerprint) -> bool:
        relation = found.relations.get(key, "")
        name = relation_name(relation) if relation else parse(key)
        return name.qualified in self._owners.version_tables

    def lost(self, service: str, built: ModelsBuilt) -> Iterator[LostModel]:
        """Models of which no history makes the table, and no other owner."""
        there = {parse(key).qualified for key in self.head.facts if key.startswith(_RELATIONS)}
        for table in built.hidden:
            owner = self._owners.owner_of_name(relation_name(_quoted(table)))
            if table in there or owner not in {NOBODY, service}:
                continue
            cls, file = built.classes.get(table, ("", ""))
            yield LostModel(table=table, cls=cls, file=file, owner=owner)


_ABOUT = ("comment on ", "grants on ", "security label ")
_RELATIONS = ("table ", "view ", "materialized view ", "foreign table ")


class _Own:
    """Whether an object is the service's; a service without `owns` and `schema` has what its models declare."""

    def __init__(self, registry: Registry, service: str, built: ModelsBuilt | None = None) -> None:
        settings = registry.services[service]
        self._service = service
        self._open = not settings.owns and not settings.schema
        self._declared = frozenset(built.tables) if built else None

    def has(self, key: str, relation: str, owner: str) -> bool:
        """Whether the object with this key, on this relation, with this owner is."""
        if owner == self._service:
            return True
        if not self._open or owner != NOBODY:
            return False
        if self._declared is None:
            return True
        name = relation_name(relation) if relation else parse(key)
        return name.kind != "table" or name.qualified in self._declared


def _quoted(table: str) -> str:
    schema, _, name = table.partition(".")
    return f'"{schema}"."{name}"'
