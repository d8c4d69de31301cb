"""One member's turn: `migrate.apply` there, and how it ended, as the member itself tells it."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.applied.status import read_standings
from aegisdb.errors import AegisError, Busy, Unreachable
from aegisdb.progress import silent
from aegisdb.revisions.load import good_histories
from aegisdb.workflows.migrate.apply import apply
from aegisdb.workflows.rollout.claims import DIED, RUNNING, UNKNOWN, WAITS, Claim, Turn, command_of, turn_of
from aegisdb.workflows.rollout.left import left_in, standing_at
from aegisdb.workflows.rollout.result import NOT_REACHED, REFUSED, MemberTurn, still_running, turn
from aegisdb.workflows.rollout.stops import StopWished

if TYPE_CHECKING:
    from collections.abc import Collection

    from aegisdb.members.choice import Member
    from aegisdb.workflows.rollout.record import Record
    from aegisdb.workspace import Workspace

_TRIES = 3
_LOOK = 1.0  # seconds between two looks at a turn that somebody else takes


def take_turn(
    ws: Workspace, record: Record, accept: str, heard: Collection[str], stage: str, member: Member
) -> MemberTurn:
    """Migrate the member as the rollout wants it; what goes wrong there is how its turn ended.

    It is "not begun" where somebody wants the rollout to stop, and that wish is none of `heard`; who is the reason.
    """
    mine = replace(ws.of_member(member), command=command_of(record.id), listen=silent)
    found, at = _applied(mine, record, accept, Claim(record, member.name, heard))
    return still_running(turn(member.name, stage, found, at=at))


def turn_lost(ws: Workspace, record: Record, stage: str, member: Member, why: str) -> MemberTurn:
    """How a turn ended of which only is known that its engine lost it: the member is asked.

    Whoever took it may still be at work there: that is waited for, as for any other writer.
    """
    mine, began = ws.of_member(member), time.monotonic()
    while True:
        found, at = _looked(mine, record, why, nothing=DIED)
        if found.word != RUNNING or time.monotonic() - began > ws.lock_wait:
            return still_running(turn(member.name, stage, found, at=at))
        time.sleep(_LOOK)


def _applied(ws: Workspace, record: Record, accept: str, claim: Claim) -> tuple[Turn, str]:
    for left in range(_TRIES - 1, -1, -1):
        try:
            apply(ws, phase=record.phase, accept=accept, around=claim)
        except StopWished as wish:
            return Turn(WAITS, str(wish)), ""
        except (Busy, Unreachable) as error:
            if claim.made:
                return _looked(ws, record, _said(error))
            if not left:
                return Turn(NOT_REACHED, _said(error)), ""
            time.sleep(random.uniform(0.2, 1.0))  # noqa: S311  jitter, no secret
        except AegisError as error:
            return _looked(ws, record, _said(error))
        else:
            return _looked(ws, record, "")
    raise AssertionError  # the last try returns


def _said(error: AegisError) -> str:
    return f"{error.code}: {error.message}"


def _looked(ws: Workspace, record: Record, why: str, *, nothing: str = REFUSED) -> tuple[Turn, str]:
    """How the turn ended and where the member stands, from itself; `why` is what went wrong on this side.

    `nothing` is the word for a turn of which the member knows nothing.
    """
    histories = good_histories(ws.registry)
    for pause in (0.0, 0.5, 2.0):
        time.sleep(pause)
        try:
            with ws.connect() as conn, conn.looking():
                standings = read_standings(conn, histories)
                left = left_in(ws.registry, histories, standings, record.phase)
                found = turn_of(conn, record.id, standings, left)
        except (Busy, Unreachable):
            continue
        word = found.word if found.word != WAITS else nothing
        return replace(found, word=word, reason=found.reason or why), standing_at(standings)
    return Turn(UNKNOWN, why), ""
