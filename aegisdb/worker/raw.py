"""Statements of our own beside those of a revision: past SQLAlchemy, so that nobody counts them as the revision's."""

from __future__ import annotations

from typing import Any


def rows(connection: Any, sql: str) -> list[Any]:
    """All rows of a query, in whatever transaction the connection is."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql)
        return list(cursor.fetchall())
    finally:
        cursor.close()


def command(connection: Any, sql: str) -> None:
    """Run a statement that gives no rows."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql)
    finally:
        cursor.close()
