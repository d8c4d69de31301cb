"""`rollout.start` and `rollout.resume`: look at every member, then migrate them stage by stage."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.engines.choice import require_engine
from aegisdb.errors import BadInput, Interrupted, Problem, Refused
from aegisdb.fast_dataclass import dataclass
from aegisdb.fleets.answers import same_database
from aegisdb.fleets.asking import chosen
from aegisdb.plain_text import some_of
from aegisdb.runtime.forkserver import warm_process
from aegisdb.workflows.migrate.gate import accepted, stopping
from aegisdb.workflows.rollout.claims import DECIDE, NOTHING, UNFIT, WAITS, Turn
from aegisdb.workflows.rollout.elsewhere import turns_on
from aegisdb.workflows.rollout.looking import found, look, opened, require_same_files
from aegisdb.workflows.rollout.record import freeze, stages_of
from aegisdb.workflows.rollout.result import (
    LEFT_OUT,
    NOT_REACHED,
    NOTHING_BEGUN,
    PLANNED,
    REFUSED,
    MemberTurn,
    RolloutResult,
    state_of,
    told,
    turn,
    unasked,
)
from aegisdb.workflows.rollout.run import Run
from aegisdb.workflows.rollout.stage_progress import event_log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aegisdb.fleets.asking import Asked
    from aegisdb.workflows.rollout.left import Pending
    from aegisdb.workflows.rollout.looking import Seen
    from aegisdb.workflows.rollout.record import Record
    from aegisdb.workflows.rollout.stage_progress import EventLog
    from aegisdb.workspace import Workspace

_TAMPERED = "tampered"
_BLOCKING = frozenset({REFUSED, NOT_REACHED, UNFIT, _TAMPERED})


def start(
    ws: Workspace,
    *,
    phase: str = "",
    accept: str = "",
    skip: bool = False,
    dry_run: bool = False,
    engine: str = "",
    events: str = "",
) -> RolloutResult:
    """Apply what is pending to all chosen members; `dry_run` looks at them and stops there.

    With the phase "expand" contracts wait in every member, for another rollout once no old code is left.
    Nothing is touched before every member was looked at. `skip` leaves out members that cannot be migrated, and without
    it they stop the whole rollout. A member whose turn fails stops its stage as `stop_after` says.

    Raises:
        BadInput: members in no stage, or two that are one database; Refused: the gate stops what is pending.
    """
    record = freeze(ws.registry, chosen(ws), phase)
    with event_log(record.id, events, ws.listen) as told_to:
        return _Start(ws, record, accept, skip=skip, fresh=True, engine=engine).go(told_to, dry_run=dry_run)


def resume(
    ws: Workspace,
    identifier: str,
    *,
    accept: str = "",
    skip: bool = False,
    dry_run: bool = False,
    engine: str = "",
    events: str = "",
) -> RolloutResult:
    """Go on with a rollout: members that are done are left alone, the others get a turn.

    `dry_run` looks at them and stops there.

    Raises:
        UsageError: nobody knows it; Difference: the files are others; and what `start` raises.
    """
    record = found(ws, identifier)
    require_same_files(ws, record)
    there, born, gone = opened(ws, record)
    begun = _Start(there, record, accept, skip=skip, born=born, gone=gone, engine=engine)
    with event_log(record.id, events, ws.listen) as told_to:
        return begun.go(told_to, dry_run=dry_run)


@dataclass(frozen=True)
class Prepared:
    """What a look at every member has found."""

    pending: Mapping[str, Pending]
    """Revisions to apply, by member and service."""
    servers: Mapping[str, int]
    """System identifiers of those that were reached."""
    nothing_to_do: tuple[str, ...]
    unfit: tuple[MemberTurn, ...]
    waiting: tuple[str, ...]
    problems: tuple[Problem, ...]


def prepared(ws: Workspace, phase: str, accept: str) -> Prepared:
    """Look at every member as `start` does before it begins; raises as that."""
    record = freeze(ws.registry, chosen(ws), phase)
    return _Start(ws, record, accept, skip=True, fresh=True).look()


class _Start:
    """One coordinator before its first turn."""

    def __init__(
        self,
        ws: Workspace,
        record: Record,
        accept: str,
        *,
        skip: bool,
        fresh: bool = False,
        born: tuple[str, ...] = (),
        gone: tuple[str, ...] = (),
        engine: str = "",
    ) -> None:
        require_engine(engine)
        self._engine = engine
        self._ws = ws
        self._record = record
        self._accept = accept
        self._skip = skip
        self._blocking = _BLOCKING | {DECIDE} if fresh else _BLOCKING
        self._born = born
        self._gone = gone
        self._waiting: tuple[str, ...] = ()

    def look(self) -> Prepared:
        """Look at everyone, and begin nothing."""
        asked, turns = self._seen()
        unfit = tuple(one for one in turns.values() if one.state in self._blocking)
        self._require_gate(asked, turns | {one.name: _left_out(one) for one in unfit})
        waits = {name for name, one in turns.items() if one.state == WAITS}
        return Prepared(
            pending={o.member.name: o.answer.left.pending for o in asked if o.answer and o.member.name in waits},
            servers={one.member.name: one.identity.system_identifier for one in asked if one.identity},
            nothing_to_do=tuple(name for name, one in turns.items() if one.state == NOTHING),
            unfit=unfit,
            waiting=self._waiting,
            problems=tuple(told(self._record, turns, REFUSED, born=(), gone=()).problems),
        )

    def _seen(self, *, writing: bool = True) -> tuple[tuple[Asked[Seen], ...], dict[str, MemberTurn]]:
        asked = look(self._ws, self._record, writing=writing)
        self._waiting = tuple(dict.fromkeys(text for one in asked if one.answer for text in one.answer.left.waiting))
        self._require_apart(asked)
        stages = {name: stage for stage, names in self._record.stages for name in names}
        return asked, {one.member.name: _turn(one, stages[one.member.name]) for one in asked}

    def go(self, events: EventLog, *, dry_run: bool) -> RolloutResult:
        """Look at everyone, and begin where nothing is in the way."""
        asked, turns = self._seen()
        blocked = [one for one in turns.values() if one.state in self._blocking]
        if blocked and not self._skip:
            return self._told(turns, REFUSED)
        turns |= {one.name: _left_out(one) for one in blocked}
        self._require_gate(asked, turns)
        if dry_run:
            return self._told(turns, PLANNED)
        return self._run(asked, turns, events)

    def _run(self, asked: Sequence[Asked[Seen]], turns: dict[str, MemberTurn], events: EventLog) -> RolloutResult:
        warm_process(self._ws.registry)  # from the main thread: turns are threads that come and go
        self._record.keep(self._ws.registry.state)
        servers = {one.member.name: one.identity.system_identifier for one in asked if one.identity}
        members = {one.member.name: one.member for one in asked if one.identity}
        databases = {one.member.name: one.identity.key for one in asked if one.identity}
        heard = {one.member.name: one.answer.heard for one in asked if one.answer and one.answer.heard}
        try:
            with turns_on(self._engine, self._ws, self._record, self._accept, databases, heard) as engine:
                run = Run(self._ws, self._record, turns, servers, self._accept, heard, engine, events)
                state = run.stages(stages_of(chosen(self._ws)), members)
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted: turns that had begun have ended; invoke rollout.status {self._record.id} says how",
                hint=f"invoke rollout.resume {self._record.id} goes on",
                result=self._told(self._seen(writing=False)[1], "interrupted"),
            ) from None
        return self._told(run.turns, state)

    def _told(self, turns: Mapping[str, MemberTurn], state: str) -> RolloutResult:
        born = self._born
        if state not in NOTHING_BEGUN:  # who came while it ran
            born = opened(self._ws, self._record)[1]
        if state == "done":
            state = state_of({one.state for one in turns.values()}, state)
        on = f"invoke rollout.resume {self._record.id}" if state in {"waiting", "stopped"} else ""
        found = told(self._record, turns, state, born=born, gone=self._gone, next_=on)
        return replace(found, waiting=self._waiting)

    def _require_apart(self, asked: Sequence[Asked[Seen]]) -> None:
        for problem in same_database(asked):
            raise BadInput(problem.message, hint=problem.hint, code=problem.code)

    def _require_gate(self, asked: Sequence[Asked[Seen]], turns: Mapping[str, MemberTurn]) -> None:
        """Ask the gate once for each set of pending revisions."""
        codes = accepted(self._accept) if self._accept else frozenset[str]()
        judged: set[object] = set()
        for one in asked:
            pending = one.answer.left.pending if one.answer else ()
            if not pending or pending in judged:
                continue
            if turns[one.member.name].state == LEFT_OUT:
                continue
            judged.add(pending)
            if stops := stopping(self._ws.of_member(one.member), codes, self._record.phase):
                raise _gate(one.member.name, stops)


def _gate(member: str, stops: Sequence[Problem]) -> Refused:
    codes = ",".join(dict.fromkeys(problem.code for problem in stops))
    first = stops[0]
    return Refused(
        f"nothing was begun: {member}: {first.code}: {first.where}: {first.message}",
        hint=f"{first.hint}, or --accept {codes}",
        code="gate",
    )


def _turn(one: Asked[Seen], stage: str) -> MemberTurn:
    name = one.member.name
    if one.answer is None:
        assert one.error is not None  # noqa: S101  one of the two is there
        return unasked(name, stage, one.error)
    if one.answer.edited and one.answer.turn.word == WAITS:
        reason = f"what ran is not what is there: {some_of(one.answer.edited)}"
        return MemberTurn(name=name, stage=stage, state=_TAMPERED, reason=reason, exit_code=6, at=one.answer.at)
    return turn(name, stage, one.answer.turn, at=one.answer.at)


def _left_out(one: MemberTurn) -> MemberTurn:
    return turn(one.name, one.stage, Turn(LEFT_OUT, f"{one.state}: {one.reason}"), at=one.at)
