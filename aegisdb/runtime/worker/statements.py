"""Statements of our own beside those of a revision: past SQLAlchemy, so that nobody counts them as the revision's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .fast import libpq

if TYPE_CHECKING:
    from collections.abc import Sequence


def rows(connection: Any, sql: str) -> list[Any]:
    """Run a query and return all its rows, in whatever transaction the connection is."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql)
        return list(cursor.fetchall())
    finally:
        cursor.close()


def texts(connection: Any, sql: str) -> tuple[str, ...]:
    """The one row of a query whose columns are texts."""
    if libpq.serves(connection):
        return libpq.texts(connection, sql)
    return tuple(rows(connection, sql)[0])


def texts_and_counts(connection: Any, query: str, changes: Sequence[str]) -> tuple[tuple[str, ...], list[int]]:
    """The one row of a query whose columns are texts, and how many rows each of the changes that follow has found.

    The query sees nothing of them.
    """
    if libpq.serves(connection):
        return libpq.texts_and_counts(connection, query, changes)
    if not changes:
        return tuple(rows(connection, query)[0]), []
    parts = [f"change{n} AS ({change} RETURNING 1)" for n, change in enumerate(changes)]
    counts = "".join(f", (SELECT count(*) FROM change{n})" for n in range(len(changes)))  # noqa: S608  ours
    row = rows(connection, f"WITH {', '.join(parts)} {query}{counts}")[0]
    return tuple(row[: -len(changes)]), list(row[-len(changes) :])


def command(connection: Any, sql: str) -> None:
    """Run a statement that gives no rows."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql)
    finally:
        cursor.close()


def literal(text: str | None) -> str:
    """A text as SQL, whatever `standard_conforming_strings` says."""
    if text is None:
        return "NULL"
    quoted = "'" + text.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in quoted else quoted
