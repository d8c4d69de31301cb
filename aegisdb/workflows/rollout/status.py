"""`rollout.status` and `rollout.stop`: how far a rollout is, asked from its members; and no more turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.fast_dataclass import dataclass
from aegisdb.results import Result
from aegisdb.workflows.rollout.claims import DIED, FAILED, REVERTED, RUNNING, WAITS
from aegisdb.workflows.rollout.looking import found, look, opened
from aegisdb.workflows.rollout.result import ENDED, MemberTurn, RolloutResult, told, turn, unasked

if TYPE_CHECKING:
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class RolloutStopResult(Result):
    """Where the wish to stop was put."""

    id: str
    path: str


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
    state = "running" if RUNNING in words else "done" if words <= ENDED else "unfinished"
    if REVERTED in words and words <= ENDED | {REVERTED}:
        state = "reverted"
    on = f"invoke rollout.resume {identifier}" if left and RUNNING not in words else ""
    return told(record, turns, state, born=born, gone=gone, next_=on)


def stop(ws: Workspace, identifier: str) -> RolloutStopResult:
    """Let the coordinator in this checkout begin no more turns; those that have begun end.

    Raises:
        UsageError: nobody knows the rollout.
    """
    record = found(ws, identifier)
    path = ws.registry.state / "rollouts" / f"{record.id}.stop"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return RolloutStopResult(id=record.id, path=str(path))
