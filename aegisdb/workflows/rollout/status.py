"""`rollout.status`: how far a rollout is, asked from its members."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.workflows.rollout.claims import DIED, FAILED, RUNNING, WAITS
from aegisdb.workflows.rollout.looking import found, look, opened
from aegisdb.workflows.rollout.result import ENDED, MemberTurn, RolloutResult, state_of, told, turn, unasked

if TYPE_CHECKING:
    from aegisdb.workspace import Workspace


def status(ws: Workspace, identifier: str) -> RolloutResult:
    """How far every member is; nothing that a coordinator says of itself counts.

    Raises:
        UsageError: nobody knows the rollout.
    """
    record = found(ws, identifier)
    there, born, gone = opened(ws, record)
    stages = {name: stage for stage, names in record.stages for name in names}
    turns: dict[str, MemberTurn] = {}
    for one in look(there, record, writing=False):
        name = one.member.name
        if one.answer is not None:
            turns[name] = turn(name, stages[name], one.answer.turn, at=one.answer.at)
        elif one.error is not None:
            turns[name] = unasked(name, stages[name], one.error)
    words = {one.state for one in turns.values()}
    left = words & {WAITS, FAILED, DIED}
    state = state_of(words, "done" if words <= ENDED else "unfinished")
    on = f"invoke rollout.resume {identifier}" if left and RUNNING not in words else ""
    return told(record, turns, state, born=born, gone=gone, next_=on)
