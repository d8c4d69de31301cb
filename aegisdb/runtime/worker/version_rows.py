"""Rows of the version table, as SQL that can be part of a larger statement."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from . import statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Move(NamedTuple):
    """One row of the version table: what it says now and what it is to say; empty for no row."""

    old: str
    new: str

    def statement(self, table: str) -> str:
        """The SQL of it."""
        old, new = statements.literal(self.old), statements.literal(self.new)
        if not self.old:
            return f"INSERT INTO {table} (version_num) VALUES ({new})"  # noqa: S608  quoted
        if not self.new:
            return f"DELETE FROM {table} WHERE version_num = {old}"  # noqa: S608  quoted
        return f"UPDATE {table} SET version_num = {new} WHERE version_num = {old}"  # noqa: S608  quoted


def after(rows: Iterable[str], moves: Sequence[Move]) -> tuple[str, ...]:
    """The rows of the version table after these steps."""
    gone = {move.old for move in moves}
    return (*(row for row in rows if row not in gone), *(move.new for move in moves if move.new))


def table(context: Any) -> str:
    """The version table, quoted."""
    named = (context.version_table_schema, context.version_table)
    return ".".join('"' + name.replace('"', '""') + '"' for name in named if name)


def versions(context: Any) -> str:
    """SQL for the rows of the version table, as JSON."""
    return f"(SELECT CAST(coalesce(json_agg(version_num), '[]') AS text) FROM {table(context)})"  # noqa: S608  quoted


def exists(context: Any) -> bool:
    """Whether there is a version table."""
    named = statements.literal(table(context))
    sql = f"SELECT coalesce(CAST(pg_catalog.to_regclass({named}) AS text), '')"
    return bool(statements.texts(context.connection, sql)[0])


def read(context: Any) -> tuple[str, ...]:
    """The rows of the version table, none where it does not exist: as `MigrationContext.get_current_heads`."""
    connection = context.connection
    with nullcontext() if connection.in_transaction() else connection.begin():
        if not exists(context):
            return ()
        return tuple(json.loads(statements.texts(connection, f"SELECT {versions(context)}")[0]))
