"""Version rows that were lost or doubled: told from the journal and from the tables that are there, never repaired."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from aegisdb.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aegisdb.postgres.connection import Connection
    from aegisdb.revisions.history import History

_LAST = """
SELECT DISTINCT ON (service) service, revision, action, to_char(started, 'YYYY-MM-DD HH24:MI') FROM aegisdb.journal
 WHERE service = ANY (%s::text[]) AND action IN ('upgrade', 'downgrade', 'stamp') AND outcome IN ('done', 'resolved')
 ORDER BY service, id DESC
"""
_ANY = "SELECT EXISTS (SELECT FROM unnest(%s::text[]) AS t (name) WHERE to_regclass(name) IS NOT NULL)"


class Last:
    """What the journal says last about services that have no row, asked for all of them at once, if at all."""

    def __init__(self, conn: Connection, services: Iterable[str]) -> None:
        self.conn = conn
        self._services = list(services)

    def of(self, service: str) -> tuple[Any, ...] | None:
        """Revision, action and time; None for nothing."""
        return self._told.get(service)

    @cached_property
    def _told(self) -> dict[str, tuple[Any, ...]]:
        if self.conn.value("SELECT to_regclass('aegisdb.journal')") is None:
            return {}
        return {row[0]: row[1:] for row in self.conn.rows(_LAST, (self._services,))}


def misplaced(last: Last, history: History, rows: tuple[str, ...]) -> Problem | None:
    """What is wrong with the rows themselves, though each of them is known; None when they can be right."""
    return _doubled(history, rows) if rows else _lost(last, history)


def doubled(history: History, rows: tuple[str, ...]) -> tuple[str, ...]:
    """Rows that another row revises, directly or not: that one alone would say the same."""
    if len(rows) == 1:
        return ()
    # `depends_on` is left out, for Alembic keeps rows of what a revision depends on
    below = {row: history.line((row,)) - {row} for row in rows if row in history.revisions}
    return tuple(row for row in rows if any(row in line for other, line in below.items() if other != row))


def _doubled(history: History, rows: tuple[str, ...]) -> Problem | None:
    needless = doubled(history, rows)
    if not needless:
        return None
    right = ", ".join(row for row in rows if row not in needless)
    return Problem(
        code="version_rows",
        message=f"{history.service}: {history.version_table} has {', '.join(rows)}, but {right} includes"
        f" {', '.join(needless)}",
        where=history.version_table,
        hint=f"look at invoke migrate.log (the journal), then invoke migrate.stamp --service {history.service}"
        f" --revision {right}",
    )


def _lost(last: Last, history: History) -> Problem | None:
    told = last.of(history.service)
    if told is None:
        return None
    revision, action, when = told
    known = history.revisions.get(revision)
    if known is None:
        return None
    standing = known.down if action == "downgrade" else (revision,)
    if not standing or not _something_is_there(last.conn, history, standing):
        return None
    return Problem(
        code="version_rows",
        message=f"{history.service}: {history.version_table} has no row, but the journal says {', '.join(standing)}"
        f" since {when}, and its tables are there",
        where=history.version_table,
        hint=f"invoke migrate.stamp --service {history.service} --revision {standing[0]} (compares the schema first)",
    )


def _something_is_there(conn: Connection, history: History, applied: tuple[str, ...]) -> bool:
    """Whether a table that these revisions made still exists: after a downgrade by plain Alembic none does."""
    from aegisdb.applied.data_loss import dropped_by_source

    below = [history.revisions[identifier] for identifier in history.ancestors(applied)]
    tables = [dropped.table for dropped in dropped_by_source(below, history.schema) if not dropped.column]
    return bool(tables) and bool(conn.value(_ANY, (tables,)))


__all__ = ["Last", "doubled", "misplaced"]
