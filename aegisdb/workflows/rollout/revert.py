"""`rollout.revert`: exactly the revisions that a rollout applied, on exactly the members where it did."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError, Interrupted, Problem, Refused
from aegisdb.fast_dataclass import dataclass
from aegisdb.fleets.asking import ask
from aegisdb.fleets.side_by_side import side_by_side
from aegisdb.plain_text import number_of
from aegisdb.progress import counted, silent
from aegisdb.results import Result
from aegisdb.runtime.forkserver import warm_process
from aegisdb.workflows.migrate.rollback import rollback
from aegisdb.workflows.rollout.claims import REVERTED, applied_by, mark_reverted
from aegisdb.workflows.rollout.looking import found, opened, require_same_files
from aegisdb.workflows.rollout.result import PLANNED
from aegisdb.workflows.rollout.stage_progress import StageProgress, TurnsInThreads, event_log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.members.choice import Member
    from aegisdb.workflows.rollout.stage_progress import EventLog
    from aegisdb.workspace import Workspace

    Steps = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class MemberReverted:
    """One member: "reverted", "planned", "refused" (nothing was touched), or "failed" in the middle."""

    name: str
    state: str
    revisions: tuple[str, ...]
    """Service and revision, the newest first."""
    reason: str = ""
    exit_code: int = 0


@dataclass(frozen=True, kw_only=True)
class RolloutRevertResult(Result):
    """What was reverted, or with `planned` would be."""

    id: str
    planned: bool
    losses: Mapping[str, int]
    """Rows by table or column, of all members together."""
    members: tuple[MemberReverted, ...]


def revert(
    ws: Workspace, identifier: str, *, confirm: str = "", dry_run: bool = False, events: str = ""
) -> RolloutRevertResult:
    """Revert what the rollout applied and nobody has reverted since; what it costs is found out on every member first.

    Raises:
        UsageError: nobody knows the rollout; Difference: the files are others; Refused: it was not confirmed.
    """
    warm_process(ws.registry)  # from the main thread: members are worked on in threads that come and go
    record = found(ws, identifier)
    require_same_files(ws, record)
    there, _, _ = opened(ws, record)
    with event_log(identifier, events, ws.listen) as told_to:
        return _Revert(there, identifier).go(confirm, told_to, dry_run=dry_run)


class _Revert:
    """A revert before its first member."""

    def __init__(self, ws: Workspace, identifier: str) -> None:
        self._ws = ws
        self._id = identifier
        asked = ask(ws, lambda _, conn: applied_by(conn, identifier), "members")
        self._steps = {one.member.name: one.answer for one in asked if one.answer}
        self._members = [one.member for one in asked if one.answer]
        self._lost = [_unasked(one.member, one.error) for one in asked if one.error is not None]
        self._servers = {one.member.name: one.identity.system_identifier for one in asked if one.identity}

    def go(self, confirm: str, events: EventLog, *, dry_run: bool) -> RolloutRevertResult:
        """Find out what it costs, have that confirmed, and do it."""
        working = side_by_side(self._ws, self._members, lambda mine, one: _cost(mine, self._steps[one.name]))
        costs = list(counted(self._ws.listen, "losses", working, len(self._members), of="members"))
        losses: Counter[str] = Counter()
        for cost in costs:  # a sum would forget what is empty, and goes all the same
            losses.update(cost if isinstance(cost, Counter) else {})
        found = zip(self._members, costs, strict=True)
        planned = [_planned(member, self._steps[member.name], cost) for member, cost in found]
        result = _result(self._id, losses, (*self._lost, *planned), planned=True)
        if dry_run or not self._members:
            return result
        _require_consent(self._ws, self._id, confirm, result)
        fit = [member for member, one in zip(self._members, planned, strict=True) if one.state == PLANNED]
        refused = [one for one in planned if one.state != PLANNED]
        return _result(self._id, losses, (*self._lost, *refused, *self._done(fit, events)), planned=False)

    def _done(self, members: list[Member], events: EventLog) -> list[MemberReverted]:
        progress = TurnsInThreads(StageProgress(self._ws.listen, events, "revert", len(members)), self._servers)

        def work(ws: Workspace, member: Member) -> MemberReverted:
            with progress.turn(member.name) as ended:
                made = _reverted(ws, member, self._id, self._steps[member.name])
                ended(made.state)
            return made

        try:
            done = list(side_by_side(self._ws, members, work))
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted: members that had begun have ended; invoke rollout.status {self._id} says how all are",
                hint=f"invoke rollout.revert {self._id} goes on with what is left",
            ) from None
        finally:
            progress.over()
        made = [
            one if isinstance(one, MemberReverted) else _unasked(m, one) for m, one in zip(members, done, strict=True)
        ]
        events.tell("rollout", state=REVERTED if all(one.state == REVERTED for one in made) else "partly reverted")
        return made


def _cost(ws: Workspace, steps: Steps) -> Counter[str]:
    """What reverting these costs; raises where anything else stands above them."""
    losses: Counter[str] = Counter()
    for service in dict.fromkeys(service for service, _ in steps):
        mine = tuple(revision for name, revision in steps if name == service)
        quiet = replace(ws, listen=silent)
        plan = rollback(quiet, service, steps=len(mine), only=mine, dry_run=True)
        for loss in plan.losses:
            losses[f"{loss.table}.{loss.column}" if loss.column else loss.table] += loss.rows
    return losses


def _reverted(ws: Workspace, member: Member, identifier: str, steps: Steps) -> MemberReverted:
    quiet, done = replace(ws, listen=silent, command=f"rollout.revert {identifier}"), 0
    try:
        for service, revision in steps:  # one by one: services take turns as they did on the way up
            rollback(quiet, service, only=(revision,))
            done += 1
        with ws.connect() as conn:
            mark_reverted(conn, identifier)
    except Interrupted:
        raise
    except AegisError as error:
        reason = f"{done} of {len(steps)} reverted; {error.code}: {error.message}"
        return _member(member, "failed", steps, reason, error.exit_code)
    return _member(member, REVERTED, steps)


def _planned(member: Member, steps: Steps, cost: Counter[str] | AegisError) -> MemberReverted:
    if isinstance(cost, AegisError):
        return _member(member, "refused", steps, f"{cost.code}: {cost.message}", cost.exit_code)
    return _member(member, PLANNED, steps)


def _unasked(member: Member, error: AegisError) -> MemberReverted:
    return _member(member, "refused", (), f"{error.code}: {error.message}", error.exit_code)


def _member(member: Member, state: str, steps: Steps, reason: str = "", exit_code: int = 0) -> MemberReverted:
    revisions = tuple(f"{service} {revision}" for service, revision in steps)
    return MemberReverted(name=member.name, state=state, revisions=revisions, reason=reason, exit_code=exit_code)


def _result(
    identifier: str, losses: Counter[str], members: tuple[MemberReverted, ...], *, planned: bool
) -> RolloutRevertResult:
    problems = [
        Problem(
            code="revert_refused" if one.state == "refused" else "revert_failed",
            message=f"{one.name}: {one.state}: {one.reason}",
            hint="invoke rollout.revert again goes on with what is left",
            exit_code=one.exit_code,
        )
        for one in members
        if one.exit_code
    ]
    return RolloutRevertResult(
        id=identifier, planned=planned, losses=dict(losses), members=members, problems=tuple(problems)
    )


def _require_consent(ws: Workspace, identifier: str, confirm: str, result: RolloutRevertResult) -> None:
    count = sum(one.state == PLANNED for one in result.members)
    lost = (
        ", ".join(f"{what} with {number_of(rows, 'row')}" for what, rows in result.losses.items())
        or "no table and no column"
    )
    told = f"{count} member{'' if count == 1 else 's'} would be reverted; lost in all of them together: {lost}"
    refused = Refused(
        f"{told}; it was not confirmed, and nothing was touched",
        hint=f"--confirm {identifier}",
        code="not_confirmed",
        result=result,
    )
    try:
        said = confirm or ws.ask(f"{told}; the id of the rollout reverts it: ")
    except Refused:  # there is nobody to ask
        raise refused from None
    if said.strip() != identifier:
        raise refused
