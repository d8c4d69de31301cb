"""The revision tree of each service, with markers for where the database is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.errors import HistoryError, Problem, Unreachable
from aegisdb.files import shown
from aegisdb.results import Result
from aegisdb.revisions.load import read_histories
from aegisdb.revisions.locate import alembic_settings

if TYPE_CHECKING:
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class RevisionLine:
    """A revision of the list; parents stand before children."""

    revision: str
    message: str
    down: tuple[str, ...]
    depends_on: tuple[str, ...]
    labels: tuple[str, ...]
    applied: bool
    current: bool
    """Whether it is a row of the version table."""
    head: bool
    one_way: str
    path: str
    """Relative to services.yaml."""


@dataclass(frozen=True, kw_only=True)
class ServiceHistory:
    """The revisions of one service."""

    service: str
    revisions: tuple[RevisionLine, ...]
    unknown: tuple[str, ...]
    """Rows of the version table that no file explains."""


@dataclass(frozen=True, kw_only=True)
class HistoryResult(Result):
    """Histories of all services, or of one; a broken one is a problem."""

    services: tuple[ServiceHistory, ...]
    reached: bool
    """False when there is no server or no database to look at: then nothing is marked as applied."""


def history(ws: Workspace, *, service: str = "") -> HistoryResult:
    """The revisions with markers. Works without a server: then markers of the database are missing.

    Raises:
        UsageError: no such service.
    """
    if service:
        alembic_settings(ws.registry, service)
    wanted = {name: found for name, found in read_histories(ws.registry).items() if service in ("", name)}
    good = {name: found for name, found in wanted.items() if not isinstance(found, HistoryError)}
    applied = _applied(ws, tuple(good.values()))
    return HistoryResult(
        services=tuple(_service(ws, found, (applied or {}).get(name, ())) for name, found in good.items()),
        reached=applied is not None,
        problems=tuple(_problem(found) for found in wanted.values() if isinstance(found, HistoryError)),
    )


def _applied(ws: Workspace, histories: tuple[History, ...]) -> dict[str, tuple[str, ...]] | None:
    from aegisdb.applied.version_tables import read_versions

    try:
        with ws.connect() as conn:
            return read_versions(conn, histories)
    except Unreachable:
        return None


def _service(ws: Workspace, found: History, applied: tuple[str, ...]) -> ServiceHistory:
    done = found.ancestors(applied)
    root = ws.registry.root
    lines = tuple(
        RevisionLine(
            revision=r.id,
            message=r.message,
            down=r.down,
            depends_on=r.depends_on,
            labels=r.labels,
            applied=r.id in done,
            current=r.id in applied,
            head=r.id in found.heads,
            one_way=r.one_way or "",
            path=shown(r.path, root),
        )
        for r in found.ordered()
    )
    return ServiceHistory(service=found.service, revisions=lines, unknown=found.unknown(applied))


def _problem(error: HistoryError) -> Problem:
    return Problem(code=error.code, message=error.message, hint=error.hint, where=error.where)
