"""How a rollout stands: each member by its stage, and what is to be said of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.errors import Busy, Problem
from aegisdb.fast_dataclass import dataclass
from aegisdb.plain_text import some_of
from aegisdb.results import Result
from aegisdb.workflows.rollout.claims import DECIDE, DIED, DONE, FAILED, NOTHING, REVERTED, RUNNING, UNFIT, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from aegisdb.errors import AegisError
    from aegisdb.workflows.rollout.claims import Turn
    from aegisdb.workflows.rollout.record import Record

REFUSED, NOT_REACHED, LEFT_OUT = "refused", "not reached", "left out"
PLANNED = "planned"
NOTHING_BEGUN = frozenset({PLANNED, REFUSED})
"""States of a rollout of which no member knows anything, unless an earlier run began it."""
ENDED = frozenset({DONE, NOTHING})
_CODES = {
    DECIDE: ("half_applied", 5),
    FAILED: ("rollout_failed", 1),
    UNKNOWN: ("rollout_unknown", 1),
    UNFIT: ("rollout_unfit", 6),
    DIED: ("rollout_died", 1),
    RUNNING: ("rollout_running", 0),
    REFUSED: ("rollout_refused", 3),
    NOT_REACHED: ("rollout_not_reached", 7),
}
_LATER = {4, 7}
"""Exit codes that another try may not meet: it was busy, or could not be reached."""
_ORDER = (5, 1, 6, 3, 7, 4)


@dataclass(frozen=True, kw_only=True)
class MemberTurn:
    """One member of the rollout."""

    name: str
    stage: str
    state: str
    reason: str = ""
    exit_code: int = 0
    seconds: float | None = None
    """From its claim to its end, or to now while it runs, by the member's clock; null where nobody knows."""
    at: str = ""
    """The revisions that are applied, by service."""


@dataclass(frozen=True, kw_only=True)
class StageCount:
    """How many members of a stage are how far."""

    stage: str
    counts: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class RolloutResult(Result):
    """A rollout; `state` is "planned", "refused", "waiting" (a stage says so), "stopped", "interrupted" or "done".

    What the members tell later is "running", "unfinished", "reverted", "partly reverted" or "done".
    """

    id: str
    fleet: str
    shard: str
    """The part of the members that it is about (`--shard`); empty for all."""
    state: str
    next: str = ""
    """What to type to go on."""
    stages: tuple[StageCount, ...]
    members: tuple[MemberTurn, ...]
    born: tuple[str, ...] = ()
    """Members that came since it began; they are not in it."""
    gone: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    """With `--phase expand`: revisions that are left for another rollout, with the reasons."""


def told(
    record: Record,
    turns: Mapping[str, MemberTurn],
    state: str,
    *,
    born: tuple[str, ...],
    gone: tuple[str, ...],
    next_: str = "",
) -> RolloutResult:
    """The result for these turns."""
    every = tuple(turns[name] for name in record.members if name in turns)
    counts = tuple(
        StageCount(stage=stage, counts=dict(Counter(turns[name].state for name in names if name in turns)))
        for stage, names in record.stages
    )
    problems = sorted(
        _problems(record, every, begun=state not in NOTHING_BEGUN), key=lambda problem: _ORDER.index(problem.exit_code)
    )
    return RolloutResult(
        id=record.id,
        fleet=record.fleet,
        shard=record.shard,
        state=state,
        next=next_,
        stages=counts,
        members=every,
        born=born,
        gone=gone,
        problems=tuple(problems),
    )


def state_of(words: Collection[str], otherwise: str) -> str:
    """The state of a rollout whose members are so far; `otherwise` where nobody works on it or has reverted it."""
    if RUNNING in words:
        return "running"
    if REVERTED in words and set(words) <= ENDED | {REVERTED, LEFT_OUT}:
        return "partly reverted" if DONE in words else "reverted"
    return otherwise


def turn(name: str, stage: str, found: Turn, *, at: str = "") -> MemberTurn:
    """A member's turn as the member tells it."""
    code = _CODES.get(found.word, ("", 0))[1]
    made = MemberTurn(name=name, stage=stage, state=found.word, reason=found.reason, exit_code=code)
    return replace(made, seconds=found.seconds, at=at)


def still_running(made: MemberTurn) -> MemberTurn:
    """Return the same turn; one that somebody else has not ended is what the command ends with: it was busy."""
    return replace(made, exit_code=Busy.exit_code) if made.state == RUNNING else made


def unasked(name: str, stage: str, error: AegisError) -> MemberTurn:
    """A member that gave this error instead of an answer."""
    state = NOT_REACHED if error.exit_code in _LATER else REFUSED
    reason = f"{error.code}: {error.message}"
    return MemberTurn(name=name, stage=stage, state=state, reason=reason, exit_code=error.exit_code)


def _problems(record: Record, members: Iterable[MemberTurn], *, begun: bool) -> Iterator[Problem]:
    """One for each way in which members ended badly."""
    alike: defaultdict[tuple[str, int, str], list[MemberTurn]] = defaultdict(list)
    for one in members:
        if one.exit_code:
            alike[one.state, one.exit_code, one.reason.partition(":")[0]].append(one)
    for (state, exit_code, _), same in alike.items():
        names = [one.name for one in same]
        count = f"{len(names)} member{'' if len(names) == 1 else 's'} ({some_of(names)})"
        yield Problem(
            code=_CODES.get(state, (state.replace(" ", "_"), 0))[0],
            message=f"{count}: {state}: {same[0].reason}",
            hint=_hint(record, same[0], begun=begun),
            exit_code=exit_code,
        )


def _hint(record: Record, one: MemberTurn, *, begun: bool) -> str:
    if one.state == DECIDE:
        decide = (
            f"invoke migrate.resolve --target {record.fleet}/{one.name} --service SERVICE --applied or --rolled-back"
        )
        return f"{decide}; then invoke rollout.resume {record.id}" if begun else decide
    if one.state == RUNNING:
        return f"invoke rollout.status {record.id} says when it has ended; then invoke rollout.resume {record.id}"
    return f"invoke rollout.resume {record.id} goes on" if begun else "put that right first, or leave them out: --skip"
