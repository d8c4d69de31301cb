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
from aegisdb.workflows.rollout.claims import UNKNOWN, WAITS, Claim, Turn, command_of, turn_of
from aegisdb.workflows.rollout.left import left_in, standing_at
from aegisdb.workflows.rollout.result import NOT_REACHED, REFUSED, MemberTurn, turn

if TYPE_CHECKING:
    from aegisdb.members.choice import Member
    from aegisdb.workflows.rollout.record import Record
    from aegisdb.workspace import Workspace

_TRIES = 3


def take_turn(ws: Workspace, record: Record, accept: str, stage: str, member: Member) -> MemberTurn:
    """Migrate the member as the rollout wants it; what goes wrong there is how its turn ended."""
    mine = replace(ws.of_member(member), command=command_of(record.id), listen=silent)
    found, at = _applied(mine, record, accept, member.name)
    return turn(member.name, stage, found, at=at)


def turn_lost(ws: Workspace, record: Record, stage: str, member: Member, why: str) -> MemberTurn:
    """How a turn ended of which only is known that whoever took it is gone: the member is asked."""
    found, at = _looked(ws.of_member(member), record, why)
    return turn(member.name, stage, found, at=at)


def _applied(ws: Workspace, record: Record, accept: str, member: str) -> tuple[Turn, str]:
    claim = Claim(record, member)
    for left in range(_TRIES - 1, -1, -1):
        try:
            apply(ws, phase=record.phase, accept=accept, around=claim)
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


def _looked(ws: Workspace, record: Record, why: str) -> tuple[Turn, str]:
    """How the turn ended and where the member stands, from itself; `why` is what went wrong on this side."""
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
        word = found.word if found.word != WAITS else REFUSED
        return replace(found, word=word, reason=found.reason or why), standing_at(standings)
    return Turn(UNKNOWN, why), ""
