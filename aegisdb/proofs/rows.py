"""Rows of a database against those that a test names; values are compared as the column's type has them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aegisdb.errors import BadInput
from aegisdb.postgres.quoting import quote_ident

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aegisdb.postgres.connection import Connection
    from aegisdb.revisions.row_tests import Row, Rows

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_attribute a WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_KEY = """
SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = %s::regclass AND i.indisprimary
"""
Plain = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table that a test names: its columns with their types, and the columns of its primary key."""

    written: str
    columns: Mapping[str, str]
    key: tuple[str, ...]

    @classmethod
    def of(cls, conn: Connection, written: str) -> Table | None:
        """The table of that name; None where there is none."""
        if conn.value("SELECT to_regclass(%s)", (written,)) is None:
            return None
        columns = dict(conn.rows(_COLUMNS, (written,)))
        return cls(written, columns, tuple(name for (name,) in conn.rows(_KEY, (written,))))

    def record(self, row: Row) -> tuple[list[str], str]:
        """The row's columns, quoted, and a FROM item that has their values in the column's types; for one parameter.

        Raises:
            BadInput: it has no such column.
        """
        if unknown := [name for name in row if name not in self.columns]:
            raise BadInput(f"table {self.written} has no column {', '.join(unknown)}")
        typed = ", ".join(f"{quote_ident(name)} {self.columns[name]}" for name in row)
        return [quote_ident(name) for name in row], f"jsonb_to_record(%s::jsonb) AS r ({typed})"


def insert(conn: Connection, rows: Rows) -> None:
    """Insert the rows of a test, table by table in its order.

    Raises:
        BadInput: no such table or column; StatementFailed: the database refuses one.
    """
    for written, listed in rows.items():
        table = _require(conn, written)
        for row in listed:
            if not row:
                conn.execute(f"INSERT INTO {written} DEFAULT VALUES")
                continue
            names, record = table.record(row)
            columns = ", ".join(names)
            statement = f"INSERT INTO {written} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {record}"  # noqa: S608  quoted
            conn.execute(statement, (json.dumps(row),))


def read_rows(conn: Connection, tables: Iterable[str]) -> dict[str, list[Plain]]:
    """Every row of the tables that are there."""
    return {
        written: [json.loads(row) for (row,) in conn.rows(f"SELECT pg_catalog.to_jsonb(t)::text FROM {written} t")]  # noqa: S608  to_regclass reads it as a name
        for written in tables
        if conn.value("SELECT to_regclass(%s)", (written,)) is not None
    }


def differences(conn: Connection, expected: Rows, others: Mapping[str, list[Plain]]) -> Iterator[str]:
    """What is not as expected, a line a row; rows of `others`, which the test did not insert, may stay as they were."""
    for written, listed in expected.items():
        table = Table.of(conn, written)
        if table is None:
            yield f"{written}: there is no such table"
            continue
        wanted = [_typed(conn, table, row) for row in listed]
        missing, extra = _unmatched(wanted, read_rows(conn, (written,))[written])
        extra = _changed(extra, others.get(written, []))
        yield from _told(table, missing, extra)


def _require(conn: Connection, written: str) -> Table:
    table = Table.of(conn, written)
    if table is None:
        raise BadInput(f"there is no table {written}")
    return table


def _typed(conn: Connection, table: Table, row: Row) -> Plain:
    """The row as `to_jsonb` would give it."""
    if not row:
        return {}
    _, record = table.record(row)
    found: Plain = json.loads(str(conn.value(f"SELECT pg_catalog.to_jsonb(r)::text FROM {record}", (json.dumps(row),))))  # noqa: S608  quoted
    return found


def _unmatched(wanted: Sequence[Plain], there: list[Plain]) -> tuple[list[Plain], list[Plain]]:
    """Expected rows that are not there, and rows that nothing expects; only columns that a test names count."""
    left, missing = list(there), []
    for row in sorted(wanted, key=len, reverse=True):
        found = next((other for other in left if _agrees(row, other)), None)
        if found is None:
            missing.append(row)
        else:
            left.remove(found)
    return missing, left


def _changed(extra: list[Plain], others: list[Plain]) -> list[Plain]:
    """Leave out the rows that were there before the test's own and are the same in the columns that are left."""
    left, found = list(others), []
    for row in extra:
        same = next((other for other in left if all(row[k] == v for k, v in other.items() if k in row)), None)
        if same is None:
            found.append(row)
        else:
            left.remove(same)
    return found


def _agrees(row: Plain, other: Plain) -> bool:
    return all(column in other and other[column] == value for column, value in row.items())


def _told(table: Table, missing: list[Plain], extra: list[Plain]) -> Iterator[str]:
    """Pairs by primary key are told by their columns, the others as a whole."""
    left = list(extra)
    for row in missing:
        key = {name: row[name] for name in table.key if name in row}
        twin = next((other for other in left if key and len(key) == len(table.key) and _agrees(key, other)), None)
        if twin is None:
            yield f"{table.written}: {_shown(row)} is expected and not there"
            continue
        left.remove(twin)
        parts = (f"{c} is {_value(twin.get(c))}, expected {_value(v)}" for c, v in row.items() if twin.get(c) != v)
        yield f"{table.written} {_shown(key)}: {'; '.join(parts)}"
    for row in left:
        yield f"{table.written}: {_shown(row)} is there and not expected"


def _shown(row: Plain) -> str:
    return ", ".join(f"{column}={_value(value)}" for column, value in row.items())


def _value(value: Any) -> str:
    return "NULL" if value is None else json.dumps(value, ensure_ascii=False)
