"""The table of a backfill and the key along which it goes: keyset, never OFFSET from the start."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aegisdb.backfills.wanted import BackfillStopped
from aegisdb.runtime.worker.statements import literal, rows

if TYPE_CHECKING:
    from aegisdb.backfills.wanted import Wanted

Key = tuple[str, ...]
"""The values of one row's key, as text."""

_TABLE = """
SELECT CAST(CAST(c.oid AS regclass) AS text), CAST(c.relkind AS text), CAST(greatest(c.reltuples, 0) AS bigint)
FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass({})
"""
_KEYS = """
SELECT i.indisprimary, pg_catalog.json_agg(pg_catalog.json_build_array(
        pg_catalog.quote_ident(a.attname), pg_catalog.format_type(a.atttypid, a.atttypmod))
    ORDER BY k.place)
FROM pg_catalog.pg_index i
CROSS JOIN LATERAL pg_catalog.unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = pg_catalog.to_regclass({}) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
    AND i.indexprs IS NULL
    AND k.place <= i.indnkeyatts
GROUP BY i.indexrelid, i.indisprimary HAVING bool_and(a.attnotnull)
ORDER BY i.indisprimary DESC, i.indexrelid
"""
_KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table", "S": "a sequence", "i": "an index"}
_TABLES = ("r", "p")


@dataclass(frozen=True)
class Table:
    """A table, and the columns of its key with their types, all as SQL."""

    name: str
    estimate: int
    """The number of rows according to the statistics; 0 where they say nothing."""
    columns: tuple[str, ...]
    types: tuple[str, ...]

    @classmethod
    def read(cls, connection: Any, wanted: Wanted) -> Table:
        """Look the table up.

        Raises:
            BackfillStopped: there is no such relation, it is not a table, or it has no key to go along.
        """
        found = rows(connection, _TABLE.format(literal(wanted.table)))
        if not found:
            raise BackfillStopped(f"there is no table {wanted.table} to backfill")
        name, kind, estimate = found[0]
        if kind not in _TABLES:
            raise BackfillStopped(f"{name} is {_KINDS.get(kind, 'no table')}", "backfill the table below it")
        columns = _key_of(connection, wanted, name)
        return cls(name, int(estimate), tuple(c for c, _ in columns), tuple(t for _, t in columns))

    @property
    def key(self) -> str:
        """The columns of the key, as a list."""
        return ", ".join(self.columns)

    @property
    def texts(self) -> str:
        """The values of the key as texts, as a list."""
        return ", ".join(f"CAST({column} AS text)" for column in self.columns)

    def above(self, low: Key | None) -> str:
        """Write the condition for keys behind this one; for any key where there is none."""
        return f"({self.key}) > ({self._values(low)})" if low else "true"

    def between(self, low: Key | None, high: Key) -> str:
        """Write the condition for keys behind `low`, up to and including `high`."""
        if low and len(low) > 1 and low[:-1] == high[:-1]:
            # the planner has no good guess for rows of values, and a very good one for this
            equal = [f"{c} = {self._value(n, low[n])}" for n, c in enumerate(self.columns[:-1])]
            last, place = self.columns[-1], len(low) - 1
            ends = [f"{last} > {self._value(place, low[-1])}", f"{last} <= {self._value(place, high[-1])}"]
            return " AND ".join((*equal, *ends))
        return f"{self.above(low)} AND ({self.key}) <= ({self._values(high)})"

    def one(self, key: Key) -> str:
        """Write a key as a person reads it."""
        return ", ".join(f"{column} = {value}" for column, value in zip(self.columns, key, strict=True))

    def high(self, connection: Any, low: Key | None, count: int) -> tuple[Key, int] | None:
        """Return the last of the next `count` keys, and how many there are; None behind the last row."""
        # qualified, for ORDER BY takes the name alone for that of the text
        key, reverse = (", ".join(f"b.{c}{order}" for c in self.columns) for order in ("", " DESC"))
        above = self.above(low)
        found = rows(
            connection,
            f"SELECT {self.texts} FROM {self.name} AS b WHERE {above} ORDER BY {key} OFFSET {count - 1} LIMIT 1",  # noqa: S608  quoted
        )
        if found:
            return tuple(found[0]), count
        found = rows(
            connection,
            f"SELECT {self.texts}, count(*) OVER () FROM"  # noqa: S608  quoted
            f" (SELECT {self.key} FROM {self.name} AS b WHERE {above} ORDER BY {key} LIMIT {count}) AS b"
            f" ORDER BY {reverse} LIMIT 1",
        )
        return (tuple(found[0][:-1]), int(found[0][-1])) if found else None

    def _values(self, key: Key) -> str:
        return ", ".join(self._value(place, value) for place, value in enumerate(key))

    def _value(self, place: int, value: str) -> str:
        return f"CAST({literal(value)} AS {self.types[place]})"


def _key_of(connection: Any, wanted: Wanted, name: str) -> list[list[str]]:
    found = [(primary, columns) for primary, columns in rows(connection, _KEYS.format(literal(wanted.table)))]
    keys: list[tuple[bool, list[list[str]]]] = [(p, json.loads(c) if isinstance(c, str) else c) for p, c in found]
    if wanted.key:
        asked = sorted(column.strip('"') for column in wanted.key)
        fitting = [columns for _, columns in keys if sorted(c.strip('"') for c, _ in columns) == asked]
        if not fitting:
            raise BackfillStopped(
                f"{name} has no unique index over {', '.join(wanted.key)} whose columns are NOT NULL",
                "name the columns of one, or add it in a revision before",
            )
        return fitting[0]
    primary = [columns for is_primary, columns in keys if is_primary]
    if primary:
        return primary[0]
    others = [f"key=({', '.join(repr(c) for c, _ in columns)},)" for _, columns in keys]
    hint = f"say {others[0]}, which is unique" if others else "give it one, or a unique index over NOT NULL columns"
    raise BackfillStopped(f"{name} has no primary key, so a stopped backfill could not go on where it was", hint)
