"""How a rollout stands: each member by its stage, and what is to be said of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from aegisdb.errors import Problem
from aegisdb.fast_dataclass import dataclass
from aegisdb.plain_text import some_of
from aegisdb.results import Result
from aegisdb.workflows.rollout.claims import DECIDE, DIED, DONE, FAILED, NOTHING, RUNNING, UNFIT, UNKNOWN, WAITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from aegisdb.workflows.rollout.claims import Turn
    from aegisdb.workflows.rollout.record import Record

REFUSED, NOT_REACHED, LEFT_OUT = "refused", "not reached", "left out"
ENDED = frozenset({DONE, NOTHING})
_CODES = {
    DECIDE: ("half_applied", 5),
    FAILED: ("rollout_failed", 1),
    UNKNOWN: ("rollout_unknown", 1),
    UNFIT: ("rollout_unfit", 6),
    DIED: ("rollout_died", 1),
    REFUSED: ("rollout_refused", 3),
    NOT_REACHED: ("rollout_not_reached", 7),
}
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
    """Of its turn in this run."""


@dataclass(frozen=True, kw_only=True)
class StageCount:
    """How many members of a stage are how far."""

    stage: str
    counts: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class RolloutResult(Result):
    """A rollout; `state` is "done", "waiting" (a stage says so), "stopped", "refused", or "begun"."""

    id: str
    fleet: str
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
    problems = sorted(_problems(record.id, every), key=lambda problem: _ORDER.index(problem.exit_code))
    return RolloutResult(
        id=record.id,
        fleet=record.fleet,
        state=state,
        next=next_,
        stages=counts,
        members=every,
        born=born,
        gone=gone,
        problems=tuple(problems),
    )


def turn(name: str, stage: str, found: Turn, *, seconds: float | None = None) -> MemberTurn:
    """A member's turn as the member tells it."""
    code = _CODES.get(found.word, ("", 0))[1]
    return MemberTurn(name=name, stage=stage, state=found.word, reason=found.reason, exit_code=code, seconds=seconds)


def _problems(identifier: str, members: Iterable[MemberTurn]) -> Iterator[Problem]:
    """One for each way in which members ended badly."""
    alike: defaultdict[tuple[str, int, str], list[MemberTurn]] = defaultdict(list)
    for one in members:
        if one.exit_code and one.state not in {WAITS, RUNNING}:
            alike[one.state, one.exit_code, one.reason.partition(":")[0]].append(one)
    for (state, exit_code, _), same in alike.items():
        names = [one.name for one in same]
        count = f"{len(names)} member{'' if len(names) == 1 else 's'} ({some_of(names)})"
        yield Problem(
            code=_CODES.get(state, (state.replace(" ", "_"), 0))[0],
            message=f"{count}: {state}: {same[0].reason}",
            hint=f"invoke rollout.resume {identifier} goes on",
            exit_code=exit_code,
        )
