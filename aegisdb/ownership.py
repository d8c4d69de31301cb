"""Owners of the objects of a database: a service, the base schema, an extension, the side schema, or nobody.

A service owns what its `owns` patterns say, and all that lies in its own `schema`. What hangs on a table (index,
constraint, trigger, column, comment, owned sequence) follows the table. A function, type or sequence that no pattern
names follows the one service whose objects use it. What init SQL makes is the base's, unless a service claims it.
"""

from __future__ import annotations

import re
from collections import ChainMap, defaultdict
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING

from aegisdb.fast_dataclass import dataclass
from aegisdb.fingerprint.keys import Name, parse, relation_name
from aegisdb.fingerprint.partitions import parent_of
from aegisdb.registry.patterns import Patterns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aegisdb.fingerprint import Change, Fingerprint
    from aegisdb.registry.types import Registry

BASE = "base"
EXTENSION = "extension"
SIDE_SCHEMA = "aegisdb"
NOBODY = ""
DEFAULT_VERSION_SCHEMA = "public"

_FOLLOWS_ITS_USERS = frozenset({"function", "procedure", "aggregate", "type", "domain", "sequence", "collation"})
_WILDCARDS = frozenset("*?[")
_LAST_PART = re.compile(r'\.(?:"(?:[^"]|"")*"|[^".]+)$')


@dataclass(frozen=True)
class Claim:
    """One entry of a service's `owns`; `pattern` is `name` or `schema.name`, either with shell wildcards."""

    service: str
    pattern: str
    schema: str = ""
    """The service's own schema, to which a pattern without one belongs."""

    def covers(self, name: Name) -> bool:
        """Whether the pattern names this object."""
        if "." in self.pattern and fnmatchcase(name.qualified, self.pattern):
            return True
        if self.schema and name.schema != self.schema:
            return False
        return fnmatchcase(name.name, self.pattern)


class Owners:
    """Answers whose an object is, from the registry and the base schema's fingerprint."""

    def __init__(self, registry: Registry, base: Fingerprint | None = None) -> None:
        self._base = base.facts if base is not None else {}
        self._extension_schemas = _extension_schemas(self._base)
        self._schemas = {s.schema: name for name, s in registry.services.items() if s.schema}
        self._schema_of = {name: s.schema or DEFAULT_VERSION_SCHEMA for name, s in registry.services.items()}
        self.claims = tuple(
            Claim(name, pattern, service.schema or "")
            for name, service in registry.services.items()
            for pattern in service.owns
        )
        self.version_tables: Mapping[str, str] = {
            f"{service.schema or DEFAULT_VERSION_SCHEMA}.{service.alembic.version_table}": name
            for name, service in registry.services.items()
            if service.alembic
        }
        self._known: dict[Name, str] = {}
        self._patterns: Patterns[int] = Patterns()
        self._qualified = any("." in claim.pattern for claim in self.claims)
        for place, claim in enumerate(self.claims):
            self._patterns.add(claim.pattern, place)

    def owner_of(self, key: str, relation: str = "") -> str:
        """The owner by name: a service, "base", "extension", "aegisdb", or "" for nobody (see `owners`)."""
        owner = self.owner_of_name(relation_name(relation) if relation else parse(key))
        if owner == NOBODY and key in self._base:
            return BASE
        return owner

    def owner_of_name(self, name: Name) -> str:
        """Find the owner of a name that is known in its parts, as far as names tell."""
        owner = self._known.get(name)
        if owner is None:
            owner = self._known[name] = self._by_name(name)
        return owner

    def schema_of(self, service: str) -> str:
        """The schema in which an unqualified name of the service's is looked for."""
        return self._schema_of[service]

    def owners(self, *fingerprints: Fingerprint) -> dict[str, str]:
        """The owner of every object; what no pattern names follows the service that alone uses it."""
        found = self.by_name(*fingerprints)
        orphans = _orphans(found)
        if orphans:
            _follow(orphans, found, _users(orphans, found, fingerprints))
            _follow_what_they_are_about(found, found)
        return found

    def owners_of(self, keys: Iterable[str], *fingerprints: Fingerprint) -> Mapping[str, str]:
        """As `owners`, of these objects at least: the others matter only to an object that no name gives an owner."""
        named = {key: self._named(key, fingerprints) for key in keys}
        return self.owners(*fingerprints) if NOBODY in named.values() else named

    def _named(self, key: str, fingerprints: Iterable[Fingerprint]) -> str:
        *_, last = (each for each in fingerprints if key in each.facts)
        return self.owner_of(key, last.relations.get(key, ""))

    def by_name(self, *fingerprints: Fingerprint) -> dict[str, str]:
        """The owner of every object, as far as names tell; a partition follows its parent."""
        found = {key: self.owner_of(key, each.relations.get(key, "")) for each in fingerprints for key in each.facts}
        self._follow_parents(found, fingerprints)
        return found

    def _follow_parents(self, found: dict[str, str], fingerprints: tuple[Fingerprint, ...]) -> None:
        """Give a partition that no pattern names the owner of its parent, with all that hangs on it."""
        heirs: dict[str, str] = {}
        for key in [key for key, owner in found.items() if not owner and key.startswith(("table ", "foreign table "))]:
            top = relation = key.partition("table ")[2]
            while parent := parent_of(top, *fingerprints):
                top = parent
            if top != relation:
                heirs[relation] = self.owner_of(f"table {top}", top)
        if not heirs:
            return
        for fingerprint in fingerprints:
            for key, relation in fingerprint.relations.items():
                if relation in heirs and not found.get(key):
                    found[key] = heirs[relation]

    def claimants(self, key: str, relation: str = "") -> tuple[str, ...]:
        """Every service that claims an object; more than one means that it is contested."""
        name = relation_name(relation) if relation else parse(key)
        return tuple(dict.fromkeys(claim.service for claim in self._covering(name)))

    def is_version_table(self, change: Change) -> bool:
        """Whether a change is about a version table, which Alembic makes and never drops."""
        name = relation_name(change.relation) if change.relation else parse(change.object)
        return name.qualified in self.version_tables

    def _by_name(self, name: Name) -> str:
        if name.schema == SIDE_SCHEMA or (name.kind == "schema" and name.name == SIDE_SCHEMA):
            return SIDE_SCHEMA
        if name.kind == "extension":
            return EXTENSION
        if name.qualified in self.version_tables:
            return self.version_tables[name.qualified]
        if name.kind == "schema":
            return self._schema_owner(name)
        return self._claimed_by(name) or self._schemas.get(name.schema, self._of_relation(name))

    def _claimed_by(self, name: Name) -> str:
        covering = self._covering(name)
        # a name written out wins over a pattern that happens to fit
        if len(covering) > 1:
            covering.sort(key=lambda claim: bool(_WILDCARDS & set(claim.pattern)))
        return covering[0].service if covering else NOBODY

    def _covering(self, name: Name) -> list[Claim]:
        """The claims that cover a name, in the registry's order."""
        claims = self.claims
        places = [
            place
            for place in self._patterns.fitting(name.name)
            if not claims[place].schema or claims[place].schema == name.schema
        ]
        if self._qualified:
            qualified = self._patterns.fitting(name.qualified)
            places = [*{*places, *(place for place in qualified if "." in claims[place].pattern)}]
        return [claims[place] for place in sorted(places)]

    def _schema_owner(self, name: Name) -> str:
        if name.name in self._schemas:
            return self._schemas[name.name]
        exact = [claim.service for claim in self.claims if claim.pattern == name.name]
        if exact:
            return exact[0]
        return EXTENSION if name.name in self._extension_schemas else NOBODY

    def _of_relation(self, name: Name) -> str:
        """What hangs on a relation of the base is the base's, also when it is new."""
        if name.qualified in self._base_relations:
            return BASE
        return EXTENSION if name.schema in self._extension_schemas else NOBODY

    @cached_property
    def _base_relations(self) -> frozenset[str]:
        kinds = ("table ", "view ", "materialized view ", "foreign table ")
        return frozenset(parse(key).qualified for key in self._base if key.startswith(kinds))


def orphaned_claims(owners: Owners, fingerprint: Fingerprint) -> tuple[Claim, ...]:
    """Entries of `owns` that name nothing in this database."""
    names = {parse(key) for key in fingerprint.facts} | set(map(relation_name, fingerprint.relations.values()))
    return tuple(claim for claim in owners.claims if not any(claim.covers(name) for name in names))


def _extension_schemas(facts: Mapping[str, str]) -> frozenset[str]:
    in_schema = re.compile(r"schema (\S+)")
    found = {m[1] for key, text in facts.items() if key.startswith("extension ") and (m := in_schema.match(text))}
    return frozenset(found - {"public", "pg_catalog"})


class OwnersAround:
    """The owners of a schema, kept, so that those of what comes to it are told without another look at all of it."""

    def __init__(self, owners: Owners, schema: Fingerprint) -> None:
        self._owners = owners
        self._schema = schema
        self._by_name = owners.by_name(schema)
        self._orphans = _orphans(self._by_name)
        self._users = _users(self._orphans, self._by_name, (schema,)) if self._orphans else {}
        self._mentions = frozenset(map(_mention, self._orphans))
        self.settled: dict[str, tuple[str, ...]] = defaultdict(tuple)
        """Keys by their owner, but for those whose owner depends on who uses what."""
        self._settle()

    def _settle(self) -> None:
        names = self._by_name
        unsettled = {*self._orphans, *(key for key, owner in names.items() if not owner and _about(key) in names)}
        self._unsettled = tuple(key for key in names if key in unsettled)
        settled: dict[str, list[str]] = defaultdict(list)
        for key, owner in names.items():
            if key not in unsettled:
                settled[owner].append(key)
        self.settled.update((owner, tuple(keys)) for owner, keys in settled.items())

    def with_(self, *more: Fingerprint) -> dict[str, str]:
        """The owners of these objects and of the schema's unsettled ones, as `Owners.owners` of all of them tells."""
        added = self._owners.by_name(*more)
        orphans = [key for key in _orphans(added) if key not in self._by_name]
        if self._is_told_otherwise(added, orphans):
            return self._owners.owners(self._schema, *more)
        found = {**{key: self._by_name[key] for key in self._unsettled}, **added}
        every = [*self._orphans, *orphans]
        if every:
            users = _users(every, found, more)
            for key, known in (_users(orphans, self._by_name, (self._schema,)) if orphans else {}).items():
                users[key] |= known
            for key in self._orphans:
                users[key] |= self._users[key]
            _follow(every, found, users)
            _follow_what_they_are_about(found, ChainMap(found, self._by_name))
        return found

    def _is_told_otherwise(self, added: Mapping[str, str], orphans: Iterable[str]) -> bool:
        """Whether what is known of the schema does not hold beside these: another owner, or the same name in texts."""
        return any(self._by_name.get(key, owner) != owner for key, owner in added.items()) or not (
            self._mentions.isdisjoint(map(_mention, orphans))
        )


def _orphans(found: Mapping[str, str]) -> list[str]:
    return [key for key, owner in found.items() if not owner and parse(key).kind in _FOLLOWS_ITS_USERS]


def _users(
    orphans: Iterable[str], owners: Mapping[str, str], fingerprints: Iterable[Fingerprint]
) -> dict[str, set[str]]:
    """Whose objects mention an orphan."""
    users: dict[str, set[str]] = defaultdict(set)
    mentions = {_mention(key): key for key in orphans}
    pattern = re.compile("(?:" + "|".join(map(re.escape, mentions)) + r")(?!\w)")
    for fingerprint in fingerprints:
        for key, facts in fingerprint.facts.items():
            for text in pattern.findall(facts):
                if mentions[text] != key:
                    users[mentions[text]].add(owners[key])
    return users


def _follow(orphans: Iterable[str], found: dict[str, str], users: Mapping[str, set[str]]) -> None:
    for key in orphans:
        if len(users[key]) == 1:
            found[key] = next(iter(users[key]))


def _follow_what_they_are_about(found: dict[str, str], known: Mapping[str, str]) -> None:
    """A comment and grants go with their object, a constraint of a domain with the domain."""
    for key, owner in list(found.items()):
        if not owner and (about := _about(key)) in known:
            found[key] = known[about]


def _about(key: str) -> str:
    rule = key.removeprefix("constraint ")
    return f"domain {_LAST_PART.sub('', rule)}" if rule != key else key.partition(" on ")[2]


def _mention(key: str) -> str:
    """How the facts of others spell it: `public.touch` of a function, `public.mood` of a type."""
    return key[len(parse(key).kind) + 1 :].partition("(")[0]
