"""What leads from the views, functions, triggers and policies of a database to those of files: tried, not guessed.

Files are run in a transaction that is rolled back, again and again until each has what it needs: that is their order.
What cannot be replaced is dropped with what rests on it, and all of that is made again. The way back is found likewise.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aegisdb.errors import Difference, StatementFailed
from aegisdb.models.object_catalog import read_objects, resting_on
from aegisdb.models.object_files import Unit
from aegisdb.postgres.quoting import quote_ident

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aegisdb.models.object_catalog import DatabaseObject
    from aegisdb.postgres.connection import Connection

Objects = dict[str, "DatabaseObject"]
_IN_THE_WAY = frozenset({"42P16", "42P13", "42710", "42P07", "42723", "42809", "0A000"})
"""What is there already, or cannot become what is wanted."""


_NAMING_COLUMNS = ("view ", "materialized view ", "policy ", "trigger ")
_ROUNDS = 8  # more than any order needs


@dataclass(frozen=True)
class ObjectChanges:
    """Statements of both directions, and what they are about."""

    up: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    marks: Mapping[str, str | None] = field(default_factory=dict)
    """Key of what comes or changes to its file; None for what goes."""
    words: tuple[str, ...] = ()
    """One line for each."""

    @property
    def losses(self) -> tuple[str, ...]:
        """Keys of the objects that go."""
        return tuple(f"drop {key}" for key, file in self.marks.items() if file is None)


@dataclass(frozen=True)
class _Step:
    """A unit to make, or drops alone."""

    dropped: tuple[DatabaseObject, ...]
    statements: tuple[str, ...]
    made: frozenset[str]


def object_changes(conn: Connection, schema: str, units: Sequence[Unit], known: Mapping[str, str]) -> ObjectChanges:
    """Compare the database of `conn` with these files; what it has stays as it is.

    `known` are the objects that revisions made of files: those that no file makes any more go.

    Raises:
        Difference: `objects`: a file does not run, or something that goes is still needed.
    """
    with _undone(conn, schema):
        before = read_objects(conn)
        gone = [key for key in known if key in before and not any(unit.makes(key) for unit in units)]
        up = _Run(conn, units)
        up.go(gone)
        after = read_objects(conn)
        differing = [key for key in {**before, **after} if not _same(before.get(key), after.get(key))]
        if not differing:
            return ObjectChanges()
        steps = up.needed(before, after)
        touched = {*differing, *(one.key for step in steps for one in step.dropped)}
        down = _Run(conn, [Unit(key, one.statements) for key, one in before.items() if key in touched])
        down.go([key for key in after if key not in before])
        back = [sql for step in down.needed(after, read_objects(conn)) for sql in _sql(step)]
    files = {key: next((unit.name for unit in units if unit.makes(key)), None) for key in differing}
    verbs = {key: "drop" if key not in after else "create" if key not in before else "replace" for key in differing}
    return ObjectChanges(
        up=tuple(sql for step in steps for sql in _sql(step)),
        down=tuple(back),
        marks=files,
        words=tuple(f"{verbs[key]} {key}" + (f" ({files[key]})" if files[key] else "") for key in differing),
    )


def objects_on_tables(
    conn: Connection, units: Sequence[Unit], known: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """What of these files names columns, and what rests on it: keys, statements that drop and that make it."""
    now = read_objects(conn)
    naming = [one for key, one in now.items() if key.startswith(_NAMING_COLUMNS)]
    ours = [one for one in naming if one.key in known or any(unit.makes(one.key) for unit in units)]
    doomed = {other.key for one in ours for other in resting_on(conn, one, now)}
    oldest_first = [one for key, one in now.items() if key in doomed]
    drops = tuple(one.drop for one in reversed(oldest_first))
    return tuple(one.key for one in oldest_first), drops, tuple(sql for one in oldest_first for sql in one.statements)


@contextmanager
def _undone(conn: Connection, schema: str) -> Iterator[None]:
    conn.execute("BEGIN")
    try:
        if schema:
            conn.execute(f"SET LOCAL search_path = {quote_ident(schema)}")
        yield
    finally:
        conn.execute("ROLLBACK")


def _same(one: DatabaseObject | None, other: DatabaseObject | None) -> bool:
    return one is not None and other is not None and one.statements == other.statements


def _sql(step: _Step) -> Iterator[str]:
    yield from (one.drop for one in step.dropped)
    yield from step.statements


class _Run:
    """Makes all units, and notes each step."""

    def __init__(self, conn: Connection, units: Sequence[Unit]) -> None:
        self._conn = conn
        self._units = list(units)
        self._steps: list[_Step] = []

    def go(self, gone: Iterable[str]) -> None:
        """Drop what goes and make the units, in an order that works; what others need until then is dropped last."""
        left = self._drop([*gone])
        todo, errors = [*self._units], dict[str, StatementFailed]()
        rounds = 2 * len(todo) + _ROUNDS
        while todo:
            waiting: list[Unit] = []
            again: list[Unit] = []
            for unit in todo:
                try:
                    again += self._make(unit)
                except StatementFailed as error:
                    errors[unit.name] = error
                    waiting.append(unit)
            rounds -= 1
            if len(waiting) == len(todo) or (waiting and not rounds):
                raise _failed(waiting[0].name, errors[waiting[0].name])
            todo = [*waiting, *(unit for unit in again if unit not in waiting)]
        if left := self._drop(left):
            raise _failed(left[0], self._why(left[0]))

    def needed(self, before: Objects, after: Objects) -> list[_Step]:
        """The steps without those that leave everything as it was."""
        found, dropped = [], set[str]()
        for step in self._steps:
            keys = {*step.made, *(one.key for one in step.dropped)}
            if keys & dropped or any(not _same(before.get(key), after.get(key)) for key in keys):
                found.append(step)
                dropped |= {one.key for one in step.dropped}
        return found

    def _drop(self, keys: list[str]) -> list[str]:
        """Drop these, in an order that works; what is left is still needed."""
        while keys:
            now = read_objects(self._conn)
            done = [key for key in keys if key not in now or self._try([now[key].drop]) is None]
            self._steps += [_Step((now[key],), (), frozenset()) for key in done if key in now]
            if not done:
                break
            keys = [key for key in keys if key not in done]
        return keys

    def _why(self, key: str) -> StatementFailed:
        error = self._try([read_objects(self._conn)[key].drop])
        assert error is not None  # noqa: S101  it was tried just now
        return error

    def _make(self, unit: Unit) -> list[Unit]:
        """Make one unit; units that have to be made again."""
        now = read_objects(self._conn)
        there = [one for key, one in now.items() if unit.makes(key)]
        error = self._try(unit.replacing)
        if error is None:
            self._note(unit, ())
            return []
        if error.sqlstate not in _IN_THE_WAY or not there:
            raise error
        doomed = list(dict.fromkeys(one for first in there for one in resting_on(self._conn, first, now)))
        doomed.sort(key=lambda one: -list(now).index(one.key))
        if (worse := self._try([*(one.drop for one in doomed), *unit.replacing])) is not None:
            raise worse
        self._note(unit, tuple(doomed))
        others = [one for one in doomed if not unit.makes(one.key)]
        return [self._maker(one) for one in others]

    def _maker(self, one: DatabaseObject) -> Unit:
        return next((unit for unit in self._units if unit.makes(one.key)), Unit(one.key, one.statements))

    def _note(self, unit: Unit, dropped: tuple[DatabaseObject, ...]) -> None:
        made = frozenset(key for key in read_objects(self._conn) if unit.makes(key))
        self._steps.append(_Step(dropped, unit.replacing, made))

    def _try(self, statements: Iterable[str]) -> StatementFailed | None:
        try:
            with self._conn.transaction():
                for sql in statements:
                    self._conn.execute(sql)
        except StatementFailed as error:
            return error
        return None


def _failed(name: str, error: StatementFailed) -> Difference:
    return Difference(f"{name}: {error.message}", hint=error.hint, where=name, code="objects")
