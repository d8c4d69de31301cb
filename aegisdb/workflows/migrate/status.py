"""One table for all services: what is applied, what is head, what is pending. No worker, no env.py, one connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.errors import HistoryError, NoDatabase
from aegisdb.fast_dataclass import dataclass
from aegisdb.results import Result
from aegisdb.revisions.load import read_histories
from aegisdb.revisions.locate import alembic_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.applied.backfills import BackfillProgress
    from aegisdb.applied.status import Standing
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class ServiceStatus:
    """The state of one service."""

    service: str
    applied: tuple[str, ...]
    head: tuple[str, ...]
    pending: int
    state: str
    phases: Mapping[str, str]
    """By pending revision, for those that say one: expand or contract."""


@dataclass(frozen=True, kw_only=True)
class StatusResult(Result):
    """All services; problems are what must be decided, and with `check` also what is pending."""

    services: tuple[ServiceStatus, ...]
    backfills: tuple[BackfillProgress, ...] = ()
    """Backfills of pending revisions that have begun."""
    notes: tuple[str, ...] = ()
    """What could not be looked at."""
    database: str = ""
    """Why there is nothing to read: "missing"; empty when there is a database."""


def status(ws: Workspace, *, service: str = "", check: bool = False) -> StatusResult:
    """Look where each service stands. A missing database counts as an empty one.

    Raises:
        UsageError: no such service; Unreachable: no server; Busy: a version table is locked.
    """
    if service:
        alembic_settings(ws.registry, service)
    histories = read_histories(ws.registry)
    wanted = {name: history for name, history in histories.items() if service in ("", name)}
    standings, progress, missing = _look(ws, wanted)
    return told(standings, progress, check=check, missing=missing)


def told(
    standings: Mapping[str, Standing],
    progress: tuple[tuple[BackfillProgress, ...], str],
    *,
    check: bool,
    missing: bool = False,
) -> StatusResult:
    """What is to be said of where the services stand; `progress` is that of backfills, or why it is not known."""
    backfills, unknown = progress
    problems = [standing.problem for standing in standings.values() if standing.problem is not None]
    problems += [standing.changed for standing in standings.values() if standing.changed is not None]
    problems.sort(key=lambda problem: problem.exit_code)
    if check:
        problems += [standing.behind for standing in standings.values() if standing.behind is not None]
    return StatusResult(
        services=tuple(_row(standing) for standing in standings.values()),
        backfills=backfills,
        notes=(unknown,) if unknown else (),
        database="missing" if missing else "",
        problems=tuple(problems),
    )


def _look(
    ws: Workspace, histories: Mapping[str, History | HistoryError]
) -> tuple[dict[str, Standing], tuple[tuple[BackfillProgress, ...], str], bool]:
    from aegisdb.applied.backfills import progress_of
    from aegisdb.applied.status import read_standings

    try:
        with ws.short_session() as conn, conn.looking():
            standings = read_standings(conn, histories)
            return standings, progress_of(conn, standings.values()), False
    except NoDatabase:
        return read_standings(None, histories), ((), ""), True


def _row(standing: Standing) -> ServiceStatus:
    return ServiceStatus(
        service=standing.service,
        applied=standing.applied,
        head=standing.history.heads if standing.history else (),
        pending=len(standing.pending),
        state="edited" if standing.edited else standing.state,
        phases=standing.phases,
    )
