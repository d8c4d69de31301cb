"""How far each member is in a rollout, asked from the members."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.applied.status import read_standings
from aegisdb.errors import Difference, UsageError
from aegisdb.fast_dataclass import dataclass
from aegisdb.fleets.asking import ask
from aegisdb.members.choice import choose
from aegisdb.postgres.route import require_own, require_primary
from aegisdb.revisions.load import good_histories
from aegisdb.workflows.rollout.claims import Turn, record_of, turn_of
from aegisdb.workflows.rollout.left import left_in, standing_at
from aegisdb.workflows.rollout.record import Record, digest_of
from aegisdb.workflows.rollout.stops import wishes

if TYPE_CHECKING:
    from aegisdb.fleets.asking import Asked
    from aegisdb.postgres.connection import Connection
    from aegisdb.workflows.rollout.left import Left
    from aegisdb.workspace import Workspace


@dataclass(frozen=True)
class Seen:
    """One member."""

    turn: Turn
    left: Left
    edited: tuple[str, ...]
    """Applied revisions whose files do something else than what ran."""
    at: str
    """The revisions that are applied, by service."""
    heard: tuple[str, ...]
    """Wishes to stop that were there."""


def look(ws: Workspace, record: Record, *, writing: bool) -> tuple[Asked[Seen], ...]:
    """Ask all members; with `writing` a member that no writer could work on is refused."""
    histories = good_histories(ws.registry)

    def question(member: Workspace, conn: Connection) -> Seen:
        if writing:
            require_primary(conn, ws.command)
            require_own(conn, ws.command)
            member.server.require_one_database()
        with conn.looking():
            standings = read_standings(conn, histories)
            left = left_in(ws.registry, histories, standings, record.phase)
            turn = turn_of(conn, record.id, standings, left)
            heard = tuple(wishes(conn, record.id))
        edited = tuple(f"{name} {revision}" for name, one in standings.items() for revision in one.edited)
        return Seen(turn, left, edited, standing_at(standings), heard)

    return ask(ws, question, "members")


def found(ws: Workspace, identifier: str) -> Record:
    """The rollout of this id: as it was kept here, else as a member of any fleet has it.

    Raises:
        UsageError: nobody knows it.
    """
    known = Record.kept(ws.registry.state, identifier)
    if known is not None:
        return known
    for fleet in ws.registry.file.fleets:
        registry, members = choose(ws.registry, fleet, match=(), shard="")
        answers = ask(ws.of_fleet(registry, members), lambda _, conn: record_of(conn, identifier), "members")
        for one in answers:
            if one.answer is not None:
                one.answer.keep(ws.registry.state)
                return one.answer
    raise UsageError(
        f"no member of any fleet knows a rollout {identifier!r}",
        hint="a member that was not begun knows nothing of it: invoke rollout.start begins anew",
        code="no_rollout",
    )


def opened(ws: Workspace, record: Record) -> tuple[Workspace, tuple[str, ...], tuple[str, ...]]:
    """The workspace of the rollout's members; names of those that came since it began, and of those that went."""
    registry, now = choose(ws.registry, record.fleet, match=record.match, shard=record.shard)
    wanted = set(record.members)
    kept = tuple(member for member in now.members if member.name in wanted)
    born = tuple(member.name for member in now.members if member.name not in wanted)
    gone = tuple(sorted(wanted - {member.name for member in kept}))
    return ws.of_fleet(registry, now.only(kept)), born, gone


def require_same_files(ws: Workspace, record: Record) -> None:
    """Refuse to go on with other revisions than the rollout began with.

    Raises:
        Difference: `other_files`.
    """
    if digest_of(ws.registry) != record.files:
        raise Difference(
            f"the revisions here are not those that rollout {record.id} began with; nothing was begun",
            hint="check out the commit that it began with, or begin another: invoke rollout.start --fleet "
            + record.fleet,
            code="other_files",
        )
