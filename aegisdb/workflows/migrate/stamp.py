"""Marks revisions as applied without running them, if the live schema is what they build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.errors import HistoryError
from aegisdb.results import Result
from aegisdb.revisions.load import read_history
from aegisdb.revisions.locate import alembic_settings

if TYPE_CHECKING:
    from aegisdb.postgres.connection import Connection
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace


_COMMAND = "migrate.stamp"


@dataclass(frozen=True, kw_only=True)
class StampResult(Result):
    """Rows of the version table before and now; with `planned` what they would be."""

    service: str
    before: tuple[str, ...]
    now: tuple[str, ...]
    forced: bool = False
    planned: bool = False


def stamp(
    ws: Workspace,
    service: str,
    revision: str = "head",
    *,
    force: bool = False,
    dry_run: bool = False,
    yes: bool = False,
) -> StampResult:
    """Write into the version table that the service is at `revision`; no revision is run.

    `force` skips the comparison; it needs a database that is disposable or confirmed, for a wrong stamp makes later
    revisions fail or run twice. `dry_run` compares, and only says what would be written.

    Raises:
        UsageError: no such revision; Difference: `stamp`: the live schema is not what the revision builds, with the
        differences and the revisions that it does fit; Refused: `force` on a shared database.
    """
    from aegisdb.applied.version_faults import doubled
    from aegisdb.applied.version_tables import read_versions
    from aegisdb.drift.revision_match import require_fit
    from aegisdb.safety import require_disposable
    from aegisdb.workflows.migrate.concerned import about

    alembic_settings(ws.registry, service)
    ws = about(ws, service)
    history = read_history(ws.registry, service)
    command = ws.command or _COMMAND
    with ws.writing(command), ws.connect() as conn:
        conn.stay()  # it waits for references that are built elsewhere
        before = read_versions(conn, [history])[service]
        wanted = history.topmost(history.resolve(revision, before))
        _refuse_half_applied(conn, service)
        if not force:
            require_fit(ws, conn, history, wanted)
        if dry_run:
            return StampResult(service=service, before=before, now=tuple(sorted(wanted)), forced=force, planned=True)
        if force:
            require_disposable(ws, conn, verb=f"{command} --force", yes=yes)
        now = _write(ws, conn, history, wanted, purge=bool(history.unknown(before) or doubled(history, before)))
    return StampResult(service=service, before=before, now=tuple(sorted(now)), forced=force)


def _write(
    ws: Workspace, conn: Connection, history: History, wanted: tuple[str, ...], *, purge: bool
) -> tuple[str, ...]:
    from aegisdb.postgres.side_schema import ensure
    from aegisdb.runtime.runs import run_recorded
    from aegisdb.runtime.session import Session
    from aegisdb.runtime.step_options import StepOptions

    command = ws.command or _COMMAND
    ensure(conn)
    options = StepOptions(listen=ws.listen, command=command)
    session = Session(ws.registry, history, ws.address(), conn.identity(), options)
    with run_recorded(conn, command), session:
        now = session.stamp(wanted, purge=purge)
    journal_stamp(conn, history, wanted, command)
    return now


def _refuse_half_applied(conn: Connection, service: str) -> None:
    from aegisdb.applied.status import half_applied
    from aegisdb.postgres.side_schema import in_flight_rows

    for row in in_flight_rows(conn):
        if row.service == service:
            raise half_applied(service, row.revision, row.action)


def journal_stamp(conn: Connection, history: History, wanted: tuple[str, ...], command: str) -> None:
    """Journal the stamp, with the source of each revision, so that a later edit of its file is noticed."""
    from aegisdb.postgres.markers import who

    user, _, host = who().partition("@")
    sql = (
        "INSERT INTO aegisdb.journal (service, revision, action, digest, source, os_user, host, command)"
        " VALUES (%s, %s, 'stamp', %s, %s, %s, %s, %s)"
    )
    for identifier in wanted or ("base",):
        known = history.revisions.get(identifier)
        digest, source = (known.digest, known.source) if known else (None, None)
        conn.execute(sql, (history.service, identifier, digest, source, user, host, command))


__all__ = ["HistoryError", "StampResult", "journal_stamp", "stamp"]
