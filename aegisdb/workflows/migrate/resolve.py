"""A person's decision about a revision that died half-way: it counts as done, or as never started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.errors import UsageError
from aegisdb.results import Result
from aegisdb.revisions.load import read_history
from aegisdb.revisions.locate import alembic_settings

if TYPE_CHECKING:
    from aegisdb.postgres.connection import Connection
    from aegisdb.postgres.side_schema import InFlight
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace

_FORGET = "DELETE FROM aegisdb.in_flight WHERE service = %s"
_JOURNAL = """
INSERT INTO aegisdb.journal (service, revision, action, outcome, digest, source, os_user, host, command, note)
VALUES (%s, %s, %s, 'resolved', %s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True, kw_only=True)
class ResolveResult(Result):
    """The decision; `revision` is empty when nothing was half-applied."""

    service: str
    revision: str = ""
    decision: str = ""
    now: tuple[str, ...] = ()
    """Rows of the version table afterwards."""
    fixed: tuple[str, ...] = ()
    """What was run to finish or remove INVALID indexes."""
    planned: bool = False
    """Nothing was decided; `now` is what the version table says."""


def resolve(
    ws: Workspace,
    service: str,
    *,
    applied: bool = False,
    rolled_back: bool = False,
    force: bool = False,
    dry_run: bool = False,
    yes: bool = False,
) -> ResolveResult:
    """Record what is true of a half-applied step and let runs go on.

    `applied`: a person finished the step by hand, so it counts as done. `rolled_back`: a person undid what it had
    committed, so it counts as never started. Of the schema only INVALID indexes that the revision names are touched:
    rebuilt or dropped, as the decision wants it. `force` does not compare the schema with the decision; as for a
    stamp it needs a database that is disposable or confirmed. `dry_run` only says which step would count as what.

    Raises:
        UsageError: not exactly one of the two; Difference: `resolve`: the live schema says otherwise;
        Refused: `force` on a shared database; Busy: somebody else writes.
    """
    from aegisdb.applied.version_tables import read_versions
    from aegisdb.drift.half_applied import require_true, settle_indexes
    from aegisdb.postgres.side_schema import in_flight_rows
    from aegisdb.runtime.backend import wait_for_orphans
    from aegisdb.safety import require_disposable

    alembic_settings(ws.registry, service)
    if applied == rolled_back:
        raise UsageError("say one of --applied and --rolled-back", hint="look at what the revision did first")
    command, decision = ws.command or "migrate.resolve", "applied" if applied else "rolled back"
    with ws.writing(command), ws.connect() as conn:
        conn.stay()  # it waits for references that are built elsewhere
        wait_for_orphans(conn)
        history = read_history(ws.registry, service)
        half = next((row for row in in_flight_rows(conn) if row.service == service), None)
        rows = read_versions(conn, [history])[service]
        if half is None:
            return ResolveResult(service=service, now=rows)
        _require_file(history, half)
        if dry_run:
            return ResolveResult(service=service, revision=half.revision, decision=decision, now=rows, planned=True)
        if force:
            require_disposable(ws, conn, verb=f"{command} --force", yes=yes)
        fixed = settle_indexes(ws, conn, history, half, wanted=applied == (half.action == "upgrade"))
        if not force:
            require_true(ws, conn, history, half, done=applied)
        rows = _record(ws, conn, history, half, rows, done=applied)
        _decide(conn, history, half, command, decision)
        return ResolveResult(service=service, revision=half.revision, decision=decision, now=rows, fixed=fixed)


def begin_again(ws: Workspace, conn: Connection, service: str) -> str:
    """Forget that a repeatable revision died half-way, so that it is run again; what is told of it.

    INVALID indexes that it names are dropped: IF NOT EXISTS would take one for the index. The writer lock is held.
    """
    from aegisdb.drift.half_applied import settle_indexes
    from aegisdb.postgres.side_schema import in_flight_rows
    from aegisdb.revisions.repeatable import goes_on

    history = read_history(ws.registry, service)
    half = next(row for row in in_flight_rows(conn) if row.service == service)
    dropped = settle_indexes(ws, conn, history, half, wanted=False)
    _decide(conn, history, half, ws.command or "migrate.apply", "to be run again")
    if goes_on(history.revisions[half.revision]):
        return f"{service} {half.revision} was stopped in a backfill: it goes on where it was"
    return f"{service} {half.revision} died half-way and is repeatable: run again" + "".join(f"; {s}" for s in dropped)


def _require_file(history: History, half: InFlight) -> None:
    if half.revision not in history.revisions:
        raise UsageError(
            f"{history.service}: no file of this checkout has {half.revision}",
            hint=f"check out the branch that has it, or see invoke doctor for {history.service}",
        )


def _record(
    ws: Workspace, conn: Connection, history: History, half: InFlight, rows: tuple[str, ...], *, done: bool
) -> tuple[str, ...]:
    """Make the version table say what is so; it does already unless the revision committed by itself."""
    from aegisdb.runtime.session import Session
    from aegisdb.runtime.step_options import StepOptions

    is_there = half.revision in history.ancestors(rows)
    belongs_there = done == (half.action == "upgrade")
    if is_there == belongs_there:
        return rows
    wanted = history.after(rows, half.revision, up=belongs_there)
    with Session(
        ws.registry, history, ws.address(), conn.identity(), StepOptions(listen=ws.listen, journal=False)
    ) as session:
        return session.stamp(wanted)


def _decide(conn: Connection, history: History, half: InFlight, command: str, decision: str) -> None:
    from aegisdb.postgres.markers import who

    user, _, host = who().partition("@")
    known = history.revisions.get(half.revision)
    counts = known is not None and decision == "applied"
    digest, source = (known.digest, known.source) if known and counts else (None, None)
    note = f"a half-applied {half.action} was resolved as {decision}"
    action = half.action if counts else "resolve"
    with conn.transaction():
        values = (half.service, half.revision, action, digest, source, user, host, command, note)
        conn.execute(_JOURNAL, values)
        conn.execute(_FORGET, (half.service,))
