"""`migrate.log --fleet`: the journals of all members; those that tell the same story are one group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.errors import UsageError
from aegisdb.fleets.answers import Answer, put_together
from aegisdb.fleets.asking import ask, chosen
from aegisdb.workflows.migrate.log import entries_of, require_some

if TYPE_CHECKING:
    from aegisdb.fleets.answers import FleetResult
    from aegisdb.postgres.connection import Connection
    from aegisdb.workflows.migrate.log import Entry
    from aegisdb.workspace import Workspace


def fleet_log(ws: Workspace, *, service: str, last: int, runs: bool, show: str) -> FleetResult:
    """The last entries of each member's journal.

    Members are of one group where the same was done with the same outcome in the same order, whenever that was.

    Raises:
        UsageError: `last` is below 1, or `show`, which is about one database.
    """
    fleet = chosen(ws)
    if show:
        hint = f"invoke migrate.log --target {fleet.fleet}/MEMBER --show {show}"
        raise UsageError("--show is about one database", hint=hint, code="fleet_flag")
    require_some(last)

    def question(member: Workspace, conn: Connection) -> tuple[Entry, ...]:
        del member
        return entries_of(conn, service=service, last=last, runs=runs)

    return put_together(fleet, ask(ws, question, "journal"), _answer)


def _answer(entries: tuple[Entry, ...]) -> Answer:
    if not entries:
        return Answer(text="empty journal", key=(), style="warn", detail=())
    newest = entries[-1]
    words = (newest.service, newest.revision, newest.action, newest.outcome)
    return Answer(
        text=f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'}, last {' '.join(filter(None, words))}",
        key=tuple((one.service, one.revision, one.action, one.outcome) for one in entries),
        style="ok" if newest.outcome in {"done", "resolved"} else "bad",
        detail=entries,
    )
