"""`migrate.status --fleet`: where the services stand in every member; histories are read once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.applied.backfills import progress_of
from aegisdb.applied.status import read_standings
from aegisdb.fleets.answers import Answer, put_together
from aegisdb.fleets.asking import ask, chosen
from aegisdb.revisions.load import read_histories
from aegisdb.revisions.locate import alembic_settings
from aegisdb.workflows.migrate.status import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aegisdb.fleets.answers import FleetResult
    from aegisdb.postgres.connection import Connection
    from aegisdb.workflows.migrate.status import ServiceStatus, StatusResult
    from aegisdb.workflows.migrate.verify import ServiceVerdict
    from aegisdb.workspace import Workspace


def fleet_status(ws: Workspace, *, service: str = "", check: bool = False) -> FleetResult:
    """Where each service stands in each member; members with equal answers are one group.

    A member that cannot be asked is an answer of its own, and the exit code is that of the gravest problem.

    Raises:
        UsageError: no such service.
    """
    if service:
        alembic_settings(ws.registry, service)
    wanted = {name: history for name, history in read_histories(ws.registry).items() if service in ("", name)}

    def question(member: Workspace, conn: Connection) -> StatusResult:
        del member
        with conn.looking():
            standings = read_standings(conn, wanted)
            return told(standings, progress_of(conn, standings.values()), check=check)

    return put_together(chosen(ws), ask(ws, question, "status"), _answer)


def _answer(result: StatusResult) -> Answer:
    backfills = [(one.service, one.revision, one.running) for one in result.backfills]
    parts = [*standing_words(result.services)]
    parts += [f"{service} backfill {'runs' if on else 'stopped'}" for service, _, on in backfills]
    settled = all(one.state == "at head" for one in result.services)
    return Answer(
        text=", ".join(parts) or "at head",
        key=(*((one.service, one.applied, one.pending, one.state) for one in result.services), *backfills),
        style="bad" if result.problems and not _only_behind(result) else "ok" if settled else "warn",
        problems=tuple(result.problems),
        detail={"services": result.services, "backfills": result.backfills},
    )


def _only_behind(result: StatusResult) -> bool:
    return all(one.state in {"at head", "pending"} for one in result.services)


def standing_words(services: Sequence[ServiceStatus | ServiceVerdict]) -> Iterator[str]:
    """What is not at head, e.g. `pending 2`, with the service before it where there are several."""
    for one in services:
        if one.state != "at head":
            words = f"{one.state} {one.pending}" if one.state == "pending" else one.state
            yield words if len(services) == 1 else f"{one.service} {words}"
