"""Turns of a rollout, stage by stage: so many at once, so many on one server, none after too many have failed."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.applied.status import read_standings
from aegisdb.errors import AegisError, Busy, Unreachable
from aegisdb.progress import Event, silent
from aegisdb.revisions.load import good_histories
from aegisdb.workflows.migrate.apply import apply
from aegisdb.workflows.rollout.claims import DECIDE, REVERTED, UNKNOWN, WAITS, Claim, Turn, command_of, turn_of
from aegisdb.workflows.rollout.result import ENDED, LEFT_OUT, NOT_REACHED, REFUSED, MemberTurn, turn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.members.choice import Member
    from aegisdb.registry.fleets import Stage
    from aegisdb.workflows.rollout.record import Record
    from aegisdb.workspace import Workspace

_TRIES = 3
_SETTLED = ENDED | {LEFT_OUT, DECIDE, REVERTED}
"""Turns that are not begun again: done, or for a person to decide."""


class Run:
    """One coordinator at work; `turns` is how far everyone is, `servers` the server of each member."""

    def __init__(
        self, ws: Workspace, record: Record, turns: dict[str, MemberTurn], servers: Mapping[str, int], accept: str
    ) -> None:
        self._ws = ws
        self._record = record
        self.turns = turns
        self._servers = servers
        self._accept = accept
        self._stop = ws.registry.state / "rollouts" / f"{record.id}.stop"

    def stages(self, stages: tuple[Stage, ...], members: Mapping[str, Member]) -> str:
        """Do what is left, and return "done", "stopped" or "waiting"."""
        self._stop.unlink(missing_ok=True)
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
        running: dict[Future[MemberTurn], int] = {}
        with ThreadPoolExecutor(stage.parallel, thread_name_prefix="rollout") as pool:
            while True:
                while failed < limit and not self._stop.exists() and (member := self._next(stage, left, running)):
                    running[pool.submit(self._turn, stage.name, member)] = self._servers[member.name]
                if not running:
                    break
                for one in wait(running, return_when=FIRST_COMPLETED).done:
                    del running[one]
                    self.turns[one.result().name] = one.result()
                    failed += one.result().state not in ENDED
        return failed < limit and not left

    def _next(self, stage: Stage, left: list[Member], running: Mapping[Future[MemberTurn], int]) -> Member | None:
        """Take the first member on whose server there is room; None where none may begin now."""
        if len(running) == stage.parallel:
            return None
        busy = Counter(running.values())
        for place, member in enumerate(left):
            if busy[self._servers[member.name]] < stage.per_server:
                return left.pop(place)
        return None

    def _turn(self, stage: str, member: Member) -> MemberTurn:
        began = time.monotonic()
        mine = replace(self._ws.of_member(member), command=command_of(self._record.id), listen=silent)
        found = self._applied(mine, member)
        made = turn(member.name, stage, found, seconds=round(time.monotonic() - began, 3))
        self._ws.listen(Event(step="member", subject=member.name, note=made.state, seconds=made.seconds))
        return made

    def _applied(self, ws: Workspace, member: Member) -> Turn:
        claim = Claim(self._record, member.name)
        for left in range(_TRIES - 1, -1, -1):
            try:
                apply(ws, accept=self._accept, around=claim)
            except (Busy, Unreachable) as error:
                if claim.made:
                    return self._looked(ws, error)
                if not left:
                    return Turn(NOT_REACHED, f"{error.code}: {error.message}")
                time.sleep(random.uniform(0.2, 1.0))  # noqa: S311  jitter, no secret
            except AegisError as error:
                return self._looked(ws, error)
            else:
                return self._looked(ws, None)
        raise AssertionError  # the last try returns

    def _looked(self, ws: Workspace, error: AegisError | None) -> Turn:
        """How the turn ended, from the member itself."""
        why = f"{error.code}: {error.message}" if error else ""
        for pause in (0.0, 0.5, 2.0):
            time.sleep(pause)
            try:
                with ws.connect() as conn, conn.looking():
                    found = turn_of(conn, self._record.id, read_standings(conn, good_histories(ws.registry)))
            except (Busy, Unreachable):
                continue
            return Turn(found.word if found.word != WAITS else REFUSED, found.reason or why)
        return Turn(UNKNOWN, why)


def limit_of(stop_after: int | str, members: int) -> int:
    """After how many failed members no other begins."""
    if isinstance(stop_after, str) and stop_after.endswith("%"):
        return max(1, math.ceil(members * int(stop_after[:-1]) / 100))
    return int(stop_after)
