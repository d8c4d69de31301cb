"""Turns of a rollout, stage by stage: so many at once, so many on one server, none after too many have failed.

Who takes the turns is a `concurrent.futures.Executor`: threads of this process, unless the caller names another.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING

from aegisdb.fast_dataclass import dataclass
from aegisdb.progress import Event
from aegisdb.workflows.rollout.claims import DECIDE, REVERTED, WAITS
from aegisdb.workflows.rollout.result import ENDED, LEFT_OUT
from aegisdb.workflows.rollout.stage_progress import EventLog, StageProgress
from aegisdb.workflows.rollout.turn import take_turn, turn_lost

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from concurrent.futures import Executor, Future
    from contextlib import AbstractContextManager

    from aegisdb.members.choice import Member
    from aegisdb.registry.fleets import Stage
    from aegisdb.workflows.rollout.record import Record
    from aegisdb.workflows.rollout.result import MemberTurn
    from aegisdb.workspace import Workspace

_LOOK = 2.0  # seconds between two looks at an engine of which nothing is heard
_SETTLED = ENDED | {LEFT_OUT, DECIDE, REVERTED}
"""Turns that are not begun again: done, or for a person to decide."""


def _threads(parallel: int) -> Executor:
    return ThreadPoolExecutor(parallel, thread_name_prefix="rollout")


@dataclass(frozen=True)
class Engine:
    """The engine that takes turns: an executor for so many at once, and how that tells that it has lost one.

    A turn that was lost may have happened: the member says whether it has.
    """

    executor: Callable[[int], AbstractContextManager[Executor]] = _threads
    lost: tuple[type[BaseException], ...] = (BrokenExecutor, CancelledError)
    turn: Callable[[str, Member], MemberTurn] | None = None
    """What it calls with stage and member, where that is not this process's own `take_turn`."""
    width: int = sys.maxsize
    """How many it calls at once; no more are given to it, so that none waits there while the rollout stops."""
    alive: Callable[[], bool] = lambda: True
    """Whether a turn that it was given may still end."""


class Run:
    """One coordinator at work; `turns` is how far everyone is, `servers` the server of each member.

    `heard` names wishes to stop, by member, that are older than this run.
    """

    def __init__(
        self,
        ws: Workspace,
        record: Record,
        turns: dict[str, MemberTurn],
        servers: Mapping[str, int],
        accept: str,
        heard: Mapping[str, Collection[str]],
        engine: Engine | None = None,
        events: EventLog | None = None,
    ) -> None:
        self._ws = ws
        self._record = record
        self.turns = turns
        self._servers = servers
        self._engine = engine or Engine()
        self._events = events or EventLog(record.id, None)
        self._turn = self._engine.turn or partial(self._taken, accept, heard)
        self._stopped = False
        self._asked: set[Future[MemberTurn]] = set()
        """Questions to members whose turn was lost."""

    def _taken(self, accept: str, heard: Mapping[str, Collection[str]], stage: str, member: Member) -> MemberTurn:
        return take_turn(self._ws, self._record, accept, heard.get(member.name, ()), stage, member)

    def stages(self, stages: tuple[Stage, ...], members: Mapping[str, Member]) -> str:
        """Do what is left, and return "done", "stopped" or "waiting"."""
        state = self._stages(stages, members)
        self._events.tell("rollout", state=state)
        return state

    def _stages(self, stages: tuple[Stage, ...], members: Mapping[str, Member]) -> str:
        for number, ((_, names), stage) in enumerate(zip(self._record.stages, stages, strict=True), start=1):
            left = [members[one] for one in names if one in members and self.turns[one].state not in _SETTLED]
            began = bool(left)
            if not self._stage(stage, left):
                return "stopped"
            later = (one for _, others in self._record.stages[number:] for one in others if one in members)
            if stage.wait and began and any(self.turns[one].state not in _SETTLED for one in later):
                return "waiting"
        return "done"

    def _stage(self, stage: Stage, left: list[Member]) -> bool:
        """Whether the next stage may begin."""
        limit, failed = limit_of(stage.stop_after, len(left)), 0
        running: dict[Future[MemberTurn], Member] = {}
        progress = StageProgress(self._ws.listen, self._events, stage.name, len(left))
        with self._engine.executor(stage.parallel) as pool, _threads(stage.parallel) as asking:
            try:
                while True:
                    while failed < limit and not self._stopped and (member := self._next(stage, left, running)):
                        running[pool.submit(self._turn, stage.name, member)] = member
                        progress.began(member.name, *self._busy(running))
                    if not running:
                        break
                    for one in self._done(running):
                        member = running.pop(one)
                        if lost := self._lost(one):
                            running[self._ask(asking, stage, member, lost)] = member
                            continue
                        made = self._ended(one.result())
                        failed += made.state not in ENDED
                        progress.ended(made.name, made.state, made.seconds, *self._busy(running))
            finally:
                self._settle(running)
                progress.over()
        return failed < limit and not left and not self._stopped

    def _done(self, running: Mapping[Future[MemberTurn], Member]) -> Collection[Future[MemberTurn]]:
        """Turns that have ended, or all of them where nobody is left to take them."""
        while not (done := wait(running, timeout=_LOOK, return_when=FIRST_COMPLETED).done):
            if not self._engine.alive():
                for one in running.keys() - self._asked:
                    one.cancel()
                return list(running)
        return done

    def _settle(self, running: Mapping[Future[MemberTurn], Member]) -> None:
        """Wait for turns that have begun, as long as there is somebody to take them."""
        while wait(running, timeout=_LOOK).not_done:
            if not self._engine.alive():
                for one in running.keys() - self._asked:
                    one.cancel()
                return

    def _next(self, stage: Stage, left: list[Member], running: Mapping[Future[MemberTurn], Member]) -> Member | None:
        """Take the first member on whose server there is room; None where none may begin now."""
        if len(running) == min(stage.parallel, self._engine.width):
            return None
        busy = Counter(self._servers[member.name] for member in running.values())
        for place, member in enumerate(left):
            if busy[self._servers[member.name]] < stage.per_server:
                return left.pop(place)
        return None

    def _lost(self, future: Future[MemberTurn]) -> str:
        """Why the engine does not know how the turn ended; empty where it does."""
        if future in self._asked:
            return ""
        try:
            error = future.exception()
        except CancelledError as cancelled:
            error = cancelled
        return f"its engine lost it: {error!r}" if isinstance(error, self._engine.lost) else ""

    def _ask(self, asking: Executor, stage: Stage, member: Member, why: str) -> Future[MemberTurn]:
        """Ask the member beside the other turns: what was lost may still be at work there, with its sessions."""
        asked = asking.submit(turn_lost, self._ws, self._record, stage.name, member, why)
        self._asked.add(asked)
        return asked

    def _ended(self, made: MemberTurn) -> MemberTurn:
        """Keep how the turn ended; a member that was not begun, since somebody wants that, is as it was."""
        if made.state == WAITS and not self._stopped:
            self._stopped = True
            self._ws.listen(Event(step="rollout", subject=self._record.id, note=f"stopped by {made.reason}", seconds=0))
        if made.state != WAITS:
            self.turns[made.name] = made
        return made

    def _busy(self, running: Mapping[Future[MemberTurn], Member]) -> tuple[int, int]:
        """How many turns run, and how many of them on the server that has most."""
        servers = Counter(self._servers[member.name] for member in running.values())
        return len(running), max(servers.values(), default=0)


def limit_of(stop_after: int | str, members: int) -> int:
    """After how many failed members no other begins."""
    if isinstance(stop_after, str) and stop_after.endswith("%"):
        return max(1, math.ceil(members * int(stop_after[:-1]) / 100))
    return int(stop_after)
