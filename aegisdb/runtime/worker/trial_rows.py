"""Makes a row that the database takes: what a constraint refuses is changed to what it may want, and tried again."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from itertools import islice, product
from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData, Table, select

from . import statements, trial_errors
from .model_names import place_of
from .trial_errors import attempt
from .trial_values import fresh, ordinary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .channel import Message

_TRIES = 200
_TURNS = 6
_PARENTS = 20  # rows of another table that a foreign key is tried with
_DEEP = 4  # tables that are filled one for another
_CONSTRAINTS = """
SELECT c.conname, pg_catalog.pg_get_constraintdef(c.oid), NULL, NULL, ARRAY(SELECT attname::text
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = pg_catalog.to_regclass({0}) AND a.atttypid = c.contypid), '{{}}'
FROM pg_catalog.pg_constraint c WHERE c.contype = 'c' AND c.contypid IN (SELECT atttypid
    FROM pg_catalog.pg_attribute WHERE attrelid = pg_catalog.to_regclass({0}) AND attnum > 0)
UNION ALL
SELECT c.conname, pg_catalog.pg_get_constraintdef(c.oid), f.nspname, p.relname,
    ARRAY(SELECT attname::text FROM pg_catalog.unnest(c.conkey) WITH ORDINALITY k (n, i)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY k.i),
    ARRAY(SELECT attname::text FROM pg_catalog.unnest(c.confkey) WITH ORDINALITY k (n, i)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY k.i)
FROM pg_catalog.pg_constraint c LEFT JOIN pg_catalog.pg_class p ON p.oid = c.confrelid
    LEFT JOIN pg_catalog.pg_namespace f ON f.oid = p.relnamespace
WHERE c.conrelid = pg_catalog.to_regclass({0})
UNION ALL
SELECT i.relname, pg_catalog.pg_get_indexdef(i.oid), NULL, NULL,
    ARRAY(SELECT attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = x.indrelid AND a.attnum > 0
        AND NOT a.attisdropped AND pg_catalog.pg_get_indexdef(i.oid) ~ ('\\m' || a.attname::text || '\\M')), '{{}}'
FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
WHERE x.indrelid = pg_catalog.to_regclass({0})
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.conindid = i.oid)
"""
_WITHOUT_PARTITIONS = """
SELECT partstrat = 'h' FROM pg_catalog.pg_partitioned_table WHERE partrelid = pg_catalog.to_regclass({0})
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhparent = partrelid)
"""
_INDEX_NAME = re.compile(r'(?<=INDEX )(?:"(?:[^"]|"")*"|\S+)(?= ON )')
_LITERAL = re.compile(r"'((?:[^']|'')*)'|(?<![\w.])(-?\d+)(?![\w.])")


@dataclass(frozen=True)
class Constraint:
    """A constraint or unique index of a table, or of a domain of its columns, as the catalog has it."""

    definition: str
    parent: tuple[str, str] | None
    columns: tuple[str, ...]
    referenced: tuple[str, ...]


class Memory:
    """Rows and values that the run on the first database leaves to the next one; by "schema.table".

    `values` is the row that was made, `filled` the columns that had to have a value; `undivided` had no partition.
    """

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.values: dict[str, dict[str, Any]] = {}
        self.filled: dict[str, set[str]] = {}
        self.undivided: set[str] = set()
        self.met: defaultdict[str, dict[str, Constraint]] = defaultdict(dict)


class RowMaker:
    """Makes rows in one transaction; parents that a foreign key needs are made, too."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._quote = connection.dialect.identifier_preparer.quote_identifier
        self._known: dict[str, dict[str, Constraint]] = {}

    def quoted(self, item: Any) -> str:
        """Write the name of a table or type as SQL."""
        return ".".join(map(self._quote, place_of(item, self._connection)))

    def constraints(self, table: Any) -> dict[str, Constraint]:
        """Return the constraints and unique indexes of a table, by name."""
        name = self.quoted(table)
        if name not in self._known:
            rows = statements.rows(self._connection, _CONSTRAINTS.format(statements.literal(name)))
            self._known[name] = {
                str(row[0]): Constraint(
                    _INDEX_NAME.sub("", str(row[1])), (row[2], row[3]) if row[2] else None, tuple(row[4]), tuple(row[5])
                )
                for row in rows
            }
        return self._known[name]

    def refused(
        self, table: Any, values: dict[str, Any], given: dict[str, Any], known: dict[str, Constraint]
    ) -> Message | None:
        """Why a row with these values is refused; `known` are constraints that it met, `given` the row that was taken.

        A row that one of its foreign keys leads to was made anew since, with another key: that is no refusal, and no
        unique constraint of before refuses it either, but for the row that was taken.
        """
        there = self.constraints(table)
        alike = {name for name, one in there.items() if one in known.values()}  # a new name is no new rule
        anew: dict[str, Any] = {}
        gone: list[dict[str, Any]] = []
        while {**given, **values, **anew} != given:
            _, error = attempt(self._connection, partial(self._insert_instead, table, {**values, **anew}, gone))
            if error is None or error["constraint"] not in alike:
                return error
            columns = there[error["constraint"]].columns
            taken = {name: given[name] for name in columns if name in given}
            if error["sqlstate"] in {trial_errors.UNIQUE, trial_errors.EXCLUSION}:
                if anew or taken in gone:
                    return None
                if taken != {name: values.get(name) for name in columns}:
                    return error
                gone.append(taken)  # what is in its way is the row that was taken
                continue
            more = {name: value for name, value in taken.items() if values.get(name) != value}
            if error["sqlstate"] != trial_errors.FOREIGN_KEY or more.items() <= anew.items():
                return error
            anew |= more
        return None

    def _insert_instead(self, table: Any, values: dict[str, Any], gone: list[dict[str, Any]]) -> None:
        """Insert a row after those with these values are deleted, as far as nothing refers to them."""
        for taken in gone:
            rows = table.delete().where(*(table.columns[name] == value for name, value in taken.items()))
            attempt(self._connection, partial(self._connection.execute, rows), keep=True)
        self.insert(table, values)

    def make(
        self, table: Any, values: dict[str, Any], free: Iterable[str], *, learning: bool = True, deep: int = 0
    ) -> tuple[Any, Message | None]:
        """Insert a row that stays, and return the result of the statement, or why there is none.

        `values` go by the names of columns; those in `free` may be replaced, and `values` then holds what was accepted.
        With `learning` a NULL that is refused becomes a value, too.
        """
        free, turns = {*free}, _Turns(self, table, deep)
        for _ in range(_TRIES):
            result, error = attempt(self._connection, lambda: self.insert(table, values), keep=True)
            if error is None:
                return result, None
            if error["sqlstate"] == trial_errors.NOT_NULL and learning and error["column"] in table.columns:
                free.add(error["column"])
                column = table.columns[error["column"]]
                found = fresh(column.type, 0) if column.primary_key else ordinary(column.type)
                other = {column.name: found[0]} if found else None
            else:
                other = turns.next(error, values, free)
            if not other:
                return None, error
            values.update(other)
        return None, error

    def make_partition(self, table: Any, undivided: set[str], *, first: bool) -> None:
        """Give a divided table that has no part yet one for all rows: applications make parts while they run.

        `undivided` keeps the tables that had none at `first`; one that lost its parts since gets none.
        """
        name = self.quoted(table)
        found = statements.rows(self._connection, _WITHOUT_PARTITIONS.format(statements.literal(name)))
        if first and found:
            undivided.add(name)
        if not found or name not in undivided:
            return
        every = "FOR VALUES WITH (MODULUS 1, REMAINDER 0)" if found[0][0] else "DEFAULT"
        part = ".".join(map(self._quote, (place_of(table, self._connection)[0], f"aegisdb_rest_of_{table.name}"[:63])))
        made = f"CREATE TABLE {part} PARTITION OF {name} {every}"
        attempt(self._connection, lambda: statements.command(self._connection, made), keep=True)

    def insert(self, table: Any, values: dict[str, Any]) -> Any:
        """Insert a row with these values, by the names of columns."""
        return self._connection.execute(table.insert().values({table.columns[n]: v for n, v in values.items()}))

    def reflected(self, name: str, schema: str | None) -> Any:
        """Read the table as the database has it."""
        return Table(name, MetaData(), schema=schema, autoload_with=self._connection, resolve_fks=False)

    def made_as_is(self, table: Any, deep: int = 0) -> tuple[dict[str, Any], Message | None]:
        """Make a row of a table as the database has it, whatever models say; its values, or why there is none."""
        values: dict[str, Any] = {}
        for turn, column in enumerate(table.columns):
            if not column.nullable and not _fills_itself(column):
                found = fresh(column.type, turn) if column.primary_key else ordinary(column.type)
                values.update({column.name: found[0]} if found else {})
        result, error = self.make(table, values, [*values], deep=deep)
        if error is not None:
            return {}, error
        key = dict(zip((c.name for c in table.primary_key.columns), result.inserted_primary_key or ()))  # noqa: B905  Python 3.9
        return {**values, **key}, None


class _Turns:
    """Values to be tried next where a constraint refuses a row."""

    def __init__(self, maker: RowMaker, table: Any, deep: int) -> None:
        self._maker = maker
        self._table = table
        self._deep = deep
        self._left: dict[str, Iterator[dict[str, Any]]] = {}

    def next(self, error: Message, values: dict[str, Any], free: set[str]) -> dict[str, Any] | None:
        """Return other values for some columns; None where there is nothing left to try."""
        name = error["constraint"]
        if name not in self._left:
            known = self._maker.constraints(self._table).get(name)
            if known is None:
                return None
            columns = [column for column in known.columns if column in free and column in self._table.columns]
            self._left[name] = self._others(error["sqlstate"], known, columns, values) if columns else iter(())
        return next(self._left[name], None)

    def _others(
        self, sqlstate: str, known: Constraint, columns: list[str], values: dict[str, Any]
    ) -> Iterator[dict[str, Any]]:
        if sqlstate == trial_errors.FOREIGN_KEY:
            yield from self._parents(known, columns)
            return
        unique = sqlstate in {trial_errors.UNIQUE, trial_errors.EXCLUSION}
        keys = {
            name: one for one in self._maker.constraints(self._table).values() if one.parent for name in one.columns
        }
        if unique and (owners := [keys[name] for name in columns if name in keys]):
            yield from self._parents(owners[0], columns, others=True)
        choices = [self._choices(name, known, values, unique=unique) for name in columns]
        for chosen in islice(product(*choices), _TRIES):
            yield dict(zip(columns, chosen))  # noqa: B905  Python 3.9

    def _choices(self, name: str, known: Constraint, values: dict[str, Any], *, unique: bool) -> list[Any]:
        column = self._table.columns[name]
        if unique:
            return [*(value for turn in range(_TURNS) for value in fresh(column.type, turn + 100)), values.get(name)]
        found = [_converted(a.replace("''", "'") or b, column.type) for a, b in _LITERAL.findall(known.definition)]
        null = [None] if column.nullable else []
        return [*found, *ordinary(column.type), *null]

    def _parents(self, known: Constraint, columns: list[str], *, others: bool = False) -> Iterator[dict[str, Any]]:
        """Yield keys of rows that are there, and of one that is made."""
        if known.parent is None:
            return
        schema, name = known.parent
        parent = self._maker.reflected(name, schema)
        wanted = [parent.columns[column] for column in known.referenced]
        connection = self._maker._connection  # noqa: SLF001  one module, one connection
        rows = [tuple(row) for row in connection.execute(select(*wanted).limit(_PARENTS))]
        for row in rows:
            yield self._own(known, row, columns)
        if (others or not rows) and self._deep < _DEEP:
            made, error = self._maker.made_as_is(parent, self._deep + 1)
            if error is None and {*known.referenced} <= made.keys():
                yield self._own(known, tuple(made[column] for column in known.referenced), columns)

    @staticmethod
    def _own(known: Constraint, row: tuple[Any, ...], columns: list[str]) -> dict[str, Any]:
        return {name: value for name, value in zip(known.columns, row) if name in columns}  # noqa: B905  Python 3.9


def _fills_itself(column: Any) -> bool:
    if column.server_default is not None or column.computed is not None or column.identity is not None:
        return True
    return bool(column is column.table._autoincrement_column and column.default is not None)  # noqa: SLF001  1.4 has no public name


def _converted(text: str, kind: Any) -> Any:
    """Turn a literal of a constraint into a value of a column; the text itself where it is no number."""
    like = next(iter(ordinary(kind)), None)
    if isinstance(like, (bool, str)) or like is None:
        return text if isinstance(like, str) else like
    try:
        return type(like)(text)
    except (TypeError, ValueError, ArithmeticError):
        return like
