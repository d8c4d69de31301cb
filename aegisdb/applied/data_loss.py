"""What a downgrade takes away, read from its SQL where that can be rendered, else from its syntax tree."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb import python_source
from aegisdb.postgres.quoting import quote_ident
from aegisdb.revisions.downgrades import function_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aegisdb.postgres.connection import Connection
    from aegisdb.revisions.parse import Revision

_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)(?:\.(?:"(?:[^"]|"")+"|[\w$]+))?'
_QUOTED = re.compile(r'"(?:[^"]|"")+"')
_DROP_TABLE = re.compile(rf"\bDROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?({_NAME}(?:\s*,\s*{_NAME})*)", re.IGNORECASE)
_ALTER = re.compile(rf"\bALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?({_NAME})([^;]*)", re.IGNORECASE)
_DROP_COLUMN = re.compile(rf"\bDROP\s+(?:COLUMN\s+)?(?!CONSTRAINT\b)(?:IF\s+EXISTS\s+)?({_NAME})", re.IGNORECASE)
_EXACT_UP_TO = 1_000_000  # rows: above, the planner's estimate is named as such
_DROP_COLUMN_ARGUMENTS = 2


@dataclass(frozen=True)
class Dropped:
    """A table, or a column of one, that a downgrade drops."""

    table: str
    """The table's name as SQL spells it, quoted where needed."""
    column: str = ""

    def within(self, schema: str | None) -> Dropped:
        """Put the schema in which a service's unqualified names stand before the name."""
        if not schema or "." in _QUOTED.sub("", self.table):
            return self
        return Dropped(f"{quote_ident(schema)}.{self.table}", self.column)


@dataclass(frozen=True, kw_only=True)
class Loss:
    """How many rows go with it: all of a table, those that are not NULL of a column."""

    table: str
    column: str
    rows: int
    exact: bool
    """False where the number is the planner's estimate."""


def dropped_by_sql(sql: str, schema: str | None) -> tuple[Dropped, ...]:
    """Tables and columns that a script drops; unqualified names stand in `schema`, where there is one."""
    plain = re.sub(r"--[^\n]*", "", sql)
    return tuple(dict.fromkeys(dropped.within(schema) for dropped in _in_sql(plain)))


def dropped_by_source(revisions: Iterable[Revision], schema: str | None) -> tuple[Dropped, ...]:
    """Find what the text of `downgrade()` drops; sees only names that are written out."""
    functions = (function_of(python_source.parse(revision.source), "downgrade") for revision in revisions)
    found = (dropped for function in functions if function is not None for dropped in _in_tree(function))
    return tuple(dict.fromkeys(dropped.within(schema) for dropped in found))


def losses(conn: Connection, dropped: Iterable[Dropped]) -> tuple[Loss, ...]:
    """Count what is there; what does not exist is left out, and so is a column of a table that goes as a whole."""
    listed = tuple(dropped)
    whole = {_folded(item.table) for item in listed if not item.column}
    found = []
    for item in listed:
        if item.column and _folded(item.table) in whole:
            continue
        loss = _count(conn, item)
        if loss is not None:
            found.append(loss)
    return tuple(found)


def _in_sql(sql: str) -> Iterator[Dropped]:
    for names in _DROP_TABLE.findall(sql):
        yield from (Dropped(name) for name in re.findall(_NAME, names))
    for table, rest in _ALTER.findall(sql):
        yield from (Dropped(table, column) for column in _DROP_COLUMN.findall(rest) if column.upper() not in _NO_COLUMN)


_NO_COLUMN = {"NOT", "DEFAULT", "IDENTITY", "EXPRESSION", "CONSTRAINT"}  # ALTER COLUMN x DROP NOT NULL and the like


def _in_tree(function: ast.FunctionDef) -> Iterator[Dropped]:
    for node in ast.walk(function):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _in_sql(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            if node.func.attr == "drop_table" and texts:
                yield Dropped(quote_ident(texts[0])).within(_schema(node))
            elif node.func.attr == "drop_column" and len(texts) >= _DROP_COLUMN_ARGUMENTS:
                yield Dropped(quote_ident(texts[0]), quote_ident(texts[1])).within(_schema(node))


def _schema(call: ast.Call) -> str | None:
    given = [word.value for word in call.keywords if word.arg == "schema" and isinstance(word.value, ast.Constant)]
    return str(given[0].value) if given and given[0].value else None


def _folded(name: str) -> str:
    return name.replace('"', "") if '"' in name else name.lower()


def _count(conn: Connection, item: Dropped) -> Loss | None:
    relation = conn.value("SELECT to_regclass(%s)::oid::bigint", (item.table,))
    if relation is None:
        return None
    named = {"table": _folded(item.table), "column": _folded(item.column)}
    estimate = int(conn.value("SELECT reltuples::bigint FROM pg_class WHERE oid = %s", (relation,)))
    if estimate > _EXACT_UP_TO:
        return Loss(**named, rows=estimate, exact=False)
    if item.column and not _has_column(conn, relation, named["column"]):
        return None
    rows = conn.value(f"SELECT count({item.column or '*'}) FROM {item.table}")  # noqa: S608  spelled as the downgrade itself spells it
    return Loss(**named, rows=int(rows), exact=True)


def _has_column(conn: Connection, relation: int, column: str) -> bool:
    sql = "SELECT count(*) FROM pg_attribute WHERE attrelid = %s AND attname = %s AND NOT attisdropped"
    return bool(conn.value(sql, (relation, column)))
