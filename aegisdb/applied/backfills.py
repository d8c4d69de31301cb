"""Progress of backfills, read from their rows in the side schema; only SELECT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.fast_dataclass import dataclass
from aegisdb.postgres.side_schema import BACKFILLS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aegisdb.applied.status import Standing
    from aegisdb.postgres.connection import Connection

_ROWS = """
SELECT DISTINCT ON (version_schema, version_table, revision) version_schema, version_table, revision, relation,
    walked, total, seconds, finished IS NOT NULL,
    EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = b.backend_pid AND a.backend_start = b.backend_start)
FROM aegisdb.backfills b WHERE landed IS NULL
ORDER BY version_schema, version_table, revision, moved DESC
"""
_MAY = "SELECT has_table_privilege(to_regclass(%s), 'SELECT')"
_MINUTE, _HOUR = 60, 3600


@dataclass(frozen=True, kw_only=True)
class BackfillProgress:
    """A backfill of a pending revision that has begun."""

    service: str
    revision: str
    table: str
    percent: int
    """Percentage done of the rows that the table had when it began; 100 only where none is left."""
    seconds_left: float | None
    """Estimate at the speed so far, pauses included; None before there is a speed."""
    running: bool
    """Whether its session is there."""

    @property
    def text(self) -> str:
        """The progress in one line."""
        return f"{self.table}: {said(self.percent, self.seconds_left if self.running else None)}"


def progress_of(conn: Connection | None, standings: Iterable[Standing]) -> tuple[tuple[BackfillProgress, ...], str]:
    """The backfills of pending revisions that have begun and are not recorded as applied, or why they are not known."""
    pending = [standing for standing in standings if standing.pending and standing.history is not None]
    may = conn.value(_MAY, (BACKFILLS,)) if conn is not None and pending else None
    if conn is None or may is None:
        return (), ""
    if not may:
        return (), f"whether a backfill has begun is not known: this role may not read {BACKFILLS}"
    found = []
    for schema, table, revision, relation, walked, total, seconds, finished, running in conn.rows(_ROWS):
        for standing in pending:
            if not _belongs(standing, schema, table, revision):
                continue
            progress = BackfillProgress(
                service=standing.service,
                revision=revision,
                table=relation,
                percent=percent(walked, total, finished=finished),
                seconds_left=seconds_left(walked, total, seconds),
                running=running,
            )
            found.append(progress)
    return tuple(found), ""


def _belongs(standing: Standing, schema: str, table: str, revision: str) -> bool:
    history = standing.history
    if history is None or table != history.version_table or (history.schema and schema != history.schema):
        return False
    return any(one.id == revision for one in standing.pending)


def percent(walked: int, total: int, *, finished: bool = False) -> int:
    """Return the percentage that is done; never 100 before the end was checked."""
    return 100 if finished else min(99, 100 * walked // max(total, walked, 1))


def seconds_left(walked: int, total: int, seconds: float) -> float | None:
    """Estimate the seconds left at the speed so far."""
    return max(0, total - walked) * seconds / walked if walked else None


def said(done: int, left: float | None) -> str:
    """Write progress as a person reads it: `43 %, 12 min left`."""
    if left is None:
        return f"{done} %"
    if left < _MINUTE:
        return f"{done} %, {left:.0f} s left"
    return f"{done} %, {left / _MINUTE:.0f} min left" if left < _HOUR else f"{done} %, {left / _HOUR:.1f} h left"
