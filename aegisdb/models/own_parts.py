"""The part of a schema that is one service's, found without a look at all of the schema for each service."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from aegisdb.fingerprint import Fingerprint
from aegisdb.fingerprint.keys import parse, relation_name
from aegisdb.fingerprint.partitions import is_partition
from aegisdb.ownership import NOBODY, OwnersAround

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.ownership import Owners
    from aegisdb.registry.types import Registry
    from aegisdb.runtime.step_results import ModelsBuilt

_TYPES = frozenset({"type", "domain"})
_ABOUT = ("comment on ", "grants on ", "security label ")
_RELATIONS = ("table ", "view ", "materialized view ", "foreign table ")
_SEQUENCE = "sequence "


class OwnParts:
    """Whose the objects of the histories at head are, and those of a schema that began as they are."""

    def __init__(self, registry: Registry, owners: Owners, head: Fingerprint) -> None:
        self._registry = registry
        self._owners = owners
        self._head = head
        self._around = OwnersAround(owners, head)
        self._unsettled = self._around.with_()

    @cached_property
    def tables(self) -> frozenset[str]:
        """Names of what has columns at head."""
        return frozenset(parse(key).qualified for key in self._head.facts if key.startswith(_RELATIONS))

    def both(self, service: str, built: ModelsBuilt, models: Fingerprint) -> tuple[Fingerprint, Fingerprint]:
        """The service's own objects at head, and those that its models built."""
        own, whose = _Own(self._registry, service, built), self._around.with_(models)
        return self._part(own, {**self._settled(own), **whose}, self._head), self._part(own, whose, models)

    def part(self, service: str, built: ModelsBuilt, found: Fingerprint, models: Fingerprint) -> Fingerprint:
        """What the service owns of this schema; `models` tell who uses what, as the head does."""
        whose = self._around.with_(found, models)
        return self._part(_Own(self._registry, service, built), {key: whose[key] for key in found.facts}, found)

    def _part(self, own: _Own, whose: Mapping[str, str], found: Fingerprint) -> Fingerprint:
        facts, relations = {}, {}
        for key, owner in whose.items():
            relation = found.relations.get(key, "")
            if key in found.facts and own.has(key, relation, owner) and not self._is_of_version_table(key, relation):
                facts[key] = found.facts[key]
                if relation:
                    relations[key] = relation
        return Fingerprint(facts, relations)

    def _settled(self, own: _Own) -> dict[str, str]:
        owners = (own.service, NOBODY) if own.open else (own.service,)
        return {key: owner for owner in owners for key in self._around.settled[owner]}

    def _at_head(self, service: str) -> list[str]:
        """What is the service's at head; without `owns` all that no service owns."""
        own = _Own(self._registry, service)
        return [*self._settled(own), *(key for key, owner in self._unsettled.items() if own.has(key, "", owner))]

    def owned(self, service: str) -> dict[str, list[tuple[str, str]]]:
        """The service's own objects at head that its models may make anew."""
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for key in self._at_head(service):
            name = parse(key)
            kind = "type" if name.kind in _TYPES else name.kind
            if kind not in {"table", "type", "sequence"} or key.startswith(_ABOUT):
                continue
            if name.qualified in self._owners.version_tables:
                continue
            if not (kind == "table" and is_partition(self._head.facts[key])):
                found[f"{kind}s"].append((name.schema, name.name))
        return {kind: found[kind] for kind in ("tables", "types", "sequences")}

    def relations(self, service: str) -> frozenset[str]:
        """Relations at head that may have something of the service, as a fingerprint calls them."""
        keys = (*self._at_head(service), *self._unsettled)
        told = {self._head.relations.get(key, "") for key in keys}
        sequences = {key.removeprefix(_SEQUENCE) for key in keys if key.startswith(_SEQUENCE)}
        return frozenset((told | sequences) - {""})

    def objects(self, service: str) -> dict[str, list[tuple[str, str]]]:
        """Schema and name of what stands on its own at head: the service's "own", what "others" have, "nobody"'s."""
        own = frozenset(self._at_head(service))
        unowned = {*self._around.settled[NOBODY], *(key for key, owner in self._unsettled.items() if owner == NOBODY)}
        found: dict[str, list[tuple[str, str]]] = {"own": [], "others": [], "nobody": []}
        for key in self._head.facts:
            if (not self._head.relations.get(key) and not key.startswith(_ABOUT)) or key.startswith(_RELATIONS):
                name = parse(key)
                whose = "own" if key in own else "nobody" if key in unowned else "others"
                found[whose].append((name.schema, name.name))
        return found

    def _is_of_version_table(self, key: str, relation: str) -> bool:
        name = relation_name(relation) if relation else parse(key)
        return name.qualified in self._owners.version_tables


class _Own:
    """Whether an object is the service's; a service without `owns` and `schema` has what its models declare."""

    def __init__(self, registry: Registry, service: str, built: ModelsBuilt | None = None) -> None:
        settings = registry.services[service]
        self.service = service
        self.open = not settings.owns and not settings.schema
        self._declared = frozenset(built.tables) if built else None

    def has(self, key: str, relation: str, owner: str) -> bool:
        """Whether the object with this key, on this relation, with this owner is."""
        if owner == self.service:
            return True
        if not self.open or owner != NOBODY:
            return False
        if self._declared is None:
            return True
        name = relation_name(relation) if relation else parse(key)
        return name.kind != "table" or name.qualified in self._declared
