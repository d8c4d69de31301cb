"""Reads one database again and again: only what changed since the last reading, and what depends on it.

The whole catalog is searched for rows that were written since, which costs little; only what they reach is written out.
Where it is not known how far a change reaches, everything is read. `AEGIS_FULL_FINGERPRINT=1` always does that, and
`AEGIS_FULL_FINGERPRINT=check` does both each time and compares them.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aegisdb.fingerprint import dependencies
from aegisdb.fingerprint.catalog_reader import FEW, ON_RELATIONS, ONE_IN, PARTS, of_rows, read, read_families
from aegisdb.fingerprint.difference import diff
from aegisdb.fingerprint.facts import Fingerprint
from aegisdb.fingerprint.patched import Patched
from aegisdb.fingerprint.quick_reader import EVER, QuickReader

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from aegisdb.fingerprint.catalog_reader import Row as Text
    from aegisdb.fingerprint.quick_reader import Row
    from aegisdb.postgres.connection import Connection

_SWITCH = "AEGIS_FULL_FINGERPRINT"
_RELATIONS = "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND oid >= 16384"
_SMALL = 500
"""Relations: four full readings of so many take as long as four quick ones with what these need."""
_NOTHING = object()
_NAMING = f"(?:{'|'.join(dependencies.NAMING)})"
_NAMES_IN_ARRAY = re.compile(rf"::{_NAMING}\[\]")
_NAMES_IN_TYPE = re.compile(rf"\b{_NAMING}\b")


class QuickReadingWrong(Exception):
    """A quick reading and a full one of the same database differ."""


@dataclass(frozen=True)
class _Moment:
    """What is known of the time of a reading."""

    since: str
    mark: str
    mark_of_others: str
    fingerprint: Fingerprint = field(default_factory=lambda: Fingerprint({}))


@dataclass
class _Known:
    """The last reading, and how to get back to the one before."""

    moment: _Moment
    rows: dict[str, dict[int, Row]]
    """The rows of each kind, by number."""
    system: dict[str, int]
    """How many more each catalog has, of PostgreSQL's own."""
    names: dict[int, str]
    """The names of relations, by oid."""
    units: dict[str, list[str]] = field(default_factory=dict)
    """The keys of what is read for each relation alone."""
    others: dict[str, list[str]] = field(default_factory=dict)
    """The other keys, by family."""
    before: _Moment | None = None
    """The reading before."""
    undo: list[tuple[dict[Any, Any], Any, Any]] = field(default_factory=list)
    """What was changed since: the mapping, the key, and the value that it had, or _NOTHING."""

    def go_back(self) -> None:
        """Know the reading before, if it is known, in place of the last one."""
        if self.before is None:
            return
        for mapping, key, value in reversed(self.undo):
            mapping.pop(key, None)
            if value is not _NOTHING:
                mapping[key] = value
        self.moment, self.before = self.before, None
        self.undo = []

    def put(self, mapping: dict[Any, Any], values: Mapping[Any, Any]) -> None:
        """Set these values in one of the mappings."""
        self.undo += ((mapping, key, mapping.get(key, _NOTHING)) for key in values)
        mapping.update(values)

    def remove(self, mapping: dict[Any, Any], keys: Iterable[Any]) -> list[Any]:
        """Remove what one of the mappings has under these keys, and return it."""
        removed = [(mapping, key, mapping.pop(key)) for key in keys if key in mapping]
        self.undo += removed
        return [value for _, _, value in removed]

    def forget(self, changes: _Changes, reached: Mapping[int, str], families: Collection[str]) -> list[str]:
        """Forget what was read again, and return the keys of its facts; the reading before can come back."""
        self.before, self.undo = self.moment, []
        for kind, rows in self.rows.items():
            self.put(rows, {row[0]: row for row in changes.new[kind]})
            self.remove(rows, changes.gone.get(kind, ()))
        stale = self.remove(self.units, self.remove(self.names, {row[1] for row in changes.rows} | reached.keys()))
        stale += self.remove(self.others, [family for family in self.others if family in families])
        self.put(self.names, reached)
        return [key for keys in stale for key in keys]

    def take(self, reader: QuickReader, stale: Iterable[str], texts: Mapping[str, Sequence[Text]]) -> Fingerprint:
        """Put what was read in the place of these facts."""
        units: dict[str, list[str]] = defaultdict(list)
        others: dict[str, list[str]] = {family: [] for family in texts}
        for family, rows in texts.items():
            for key, _, relation in rows:
                name = _unit(key, relation) if family in {*PARTS, ON_RELATIONS} else ""
                (units[name] if name else others[family]).append(key)
        self.put(self.units, {name: self.units.get(name, []) + keys for name, keys in units.items()})
        self.put(self.others, others)
        new = of_rows(row for rows in texts.values() for row in rows)
        facts, relations = (
            (was if isinstance(was, Patched) else Patched(was)).but(stale, now)
            for was, now in (
                (self.moment.fingerprint.facts, new.facts),
                (self.moment.fingerprint.relations, new.relations),
            )
        )
        self.moment = _Moment(reader.since, reader.mark, reader.mark_of_others, Fingerprint(facts, relations))
        return self.moment.fingerprint


_SEQUENCE = "sequence "


def _unit(key: str, relation: str) -> str:
    """The relation that a text belongs to; a sequence hangs on the table that owns it, and is a relation of its own."""
    return key.removeprefix(_SEQUENCE) if key.startswith(_SEQUENCE) else relation


@dataclass(frozen=True)
class _Changes:
    """Rows of the catalogs that are new, that are gone, and as they were before."""

    new: Mapping[str, list[Row]]
    gone: Mapping[str, Collection[int]]
    was: list[Row]

    @property
    def rows(self) -> list[Row]:
        """The rows of these relations, as they were and as they are."""
        return [*(row for rows in self.new.values() for row in rows), *self.was]


class Follower:
    """Reads a database that is used by no other session; `beside` is a second session, for full readings.

    With `few` there will be four readings or so: of a small schema these are full, as quick ones need statements of
    their own and a full one to confirm them.
    """

    def __init__(self, conn: Connection, beside: Connection | None = None, *, few: bool = False) -> None:
        self._conn = conn
        self._beside = beside
        switch = os.environ.get(_SWITCH)
        self._check = switch == "check"
        small = few and not self._check and conn.value(_RELATIONS) <= _SMALL
        self._always_full = switch == "1" or not conn.prepares or small
        self._known: _Known | None = None
        self._names_in_constants = False
        """Whether a constant may have names of objects on which PostgreSQL notes no dependency; then all is read."""
        self._statements: set[str] = set()
        """Names of statements that the session is known to have prepared."""
        self.quick = 0
        """The number of quick readings."""

    def read(self, *, undone: bool = False) -> Fingerprint:
        """Read the fingerprint as it is now; neither session may be in a transaction.

        `undone`: what was done before the last reading should be undone, so little differs from the reading before it.

        Raises:
            QuickReadingWrong: each quick reading is to be compared with a full one, and they differ.
        """
        if self._always_full:
            return read(self._conn, self._beside)
        if undone and self._known is not None:
            self._known.go_back()
        known = None if self._names_in_constants else self._known
        found = self._read_changes(known) if known is not None else None
        if found is None:
            return self._read_everything()
        self.quick += 1
        if self._check:
            self._compare(found)
        return found

    def confirm(self) -> None:
        """Read everything once more where a reading was quick.

        Raises:
            QuickReadingWrong: the two fingerprints differ.
        """
        if self.quick:
            self._compare(self.read())

    def _compare(self, quick: Fingerprint) -> None:
        full = of_rows(row for rows in self._everything().values() for row in rows)
        if (quick.facts, quick.relations) != (full.facts, full.relations):
            told = "; ".join(map(str, diff(full, quick)[:3]))
            msg = f"the quick reading of the schema is wrong: {told} ({_SWITCH}=1 goes without it)"
            raise QuickReadingWrong(msg)

    def _read_everything(self) -> Fingerprint:
        # first what it is compared with later: what anyone changes meanwhile is then new to the next reading
        with QuickReader(self._conn, self._statements) as reader:
            listed = reader.rows([name for name, kind in dependencies.CHANGING.items() if kind.every], EVER)
            rows = {kind: {row[0]: row for row in each} for kind, (_, each) in listed.items()}
            system = {kind: number - len(each) for kind, (number, each) in listed.items()}
            names = reader.names()
        self._known = _Known(_Moment(reader.since, reader.mark, reader.mark_of_others), rows, system, names)
        return self._take(self._known, reader, (), self._everything())

    def _everything(self) -> dict[str, list[Text]]:
        self._statements.clear()  # this may prepare more
        return read_families(self._conn, self._beside)

    def _read_changes(self, known: _Known) -> Fingerprint | None:
        """Read the next fingerprint; None where everything has to be read."""
        with QuickReader(self._conn, self._statements) as reader:
            found = reader.rows(dependencies.CHANGING, known.moment.since)
            if reader.mark != known.moment.mark:
                return None
            changes = _changes(reader, known, found)
            touched = {row[1] for row in changes.rows}
            reached = reader.reached(sorted({(row[2], row[3]) for row in changes.rows}), sorted(touched))
            if len(reached) > max(FEW, len(known.names) // ONE_IN):
                return None
            seldom = 0 in touched or 0 in reached or reader.mark_of_others != known.moment.mark_of_others
            texts = reader.texts(sorted(reached), seldom=seldom)
        reached.pop(0, None)
        return self._take(known, reader, known.forget(changes, reached, texts), texts)

    def _take(
        self, known: _Known, reader: QuickReader, stale: Iterable[str], texts: Mapping[str, Sequence[Text]]
    ) -> Fingerprint:
        told = (_names_in_constants(key, facts) for rows in texts.values() for key, facts, _ in rows)
        self._names_in_constants = self._names_in_constants or any(told)
        return known.take(reader, stale, texts)


def _names_in_constants(key: str, facts: str) -> bool:
    """Whether the object has constants of an array, or is a type with values, that are written with names of objects.

    PostgreSQL notes a dependency for a constant of such a type alone (`find_expr_references_walker` of 18).
    """
    if key.startswith(("type ", "domain ")):
        return _NAMES_IN_TYPE.search(facts) is not None
    return "[]" in facts and _NAMES_IN_ARRAY.search(facts) is not None


def _changes(reader: QuickReader, known: _Known, found: Mapping[str, tuple[int, list[Row]]]) -> _Changes:
    """Return what changed in the catalogs; all of a catalog are listed where there are not as many as expected."""
    new = {kind: rows for kind, (_, rows) in found.items()}
    user = {kind: len(rows) + sum(row[0] not in rows for row in new[kind]) for kind, rows in known.rows.items()}
    short = [kind for kind, number in user.items() if found[kind][0] != number + known.system[kind]]
    gone = {kind: known.rows[kind].keys() - numbers for kind, numbers in reader.numbers(short).items()}
    was = [known.rows[kind][row] for kind, rows in gone.items() for row in rows]
    was += [rows[row[0]] for kind, rows in known.rows.items() for row in new[kind] if row[0] in rows]
    return _Changes(new, gone, was)
