"""Statements of our own beside those of a revision: past SQLAlchemy, so that nobody counts them as the revision's."""

from __future__ import annotations

from typing import Any

from .fast import libpq


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
