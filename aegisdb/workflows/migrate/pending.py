"""What an apply would do now: what is pending, what stands in the way of it, and what was done so far."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from aegisdb.applied.requirements import refuse_unmet
from aegisdb.applied.status import read_standings
from aegisdb.applied.version_tables import read_versions
from aegisdb.errors import BadPhase, Difference, Dirty, HistoryError, Problem
from aegisdb.results import Result
from aegisdb.revisions.load import read_histories
from aegisdb.revisions.order import service_order
from aegisdb.revisions.phases import EXPAND, expanding
from aegisdb.revisions.repeatable import goes_on

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from aegisdb.applied.status import Standing, State
    from aegisdb.postgres.connection import Connection
    from aegisdb.revisions.history import History
    from aegisdb.revisions.phases import Waiting
    from aegisdb.runtime.step_results import StepDone
    from aegisdb.runtime.upgrade import Steps
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class ServiceApplied:
    """The outcome of a service's pending revisions."""

    service: str
    done: tuple[StepDone, ...] = ()
    failed: str = ""
    """The revision that failed or was interrupted; it was rolled back unless the error says otherwise."""
    goes_on: bool = False
    """Whether what failed is a backfill, of which what it committed is kept: the next apply goes on there."""
    not_started: tuple[str, ...] = ()
    phases: Mapping[str, str] = field(default_factory=dict)
    """By revision, for those that say one: expand or contract."""


@dataclass(frozen=True, kw_only=True)
class ApplyResult(Result):
    """What was applied, or with `planned` what would be; services that were at head are left out."""

    services: tuple[ServiceApplied, ...]
    planned: bool = False
    at_head: tuple[str, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    """With `--phase expand`: pending revisions that were left out."""
    notes: tuple[str, ...] = ()


@dataclass
class Tally:
    """Collects what is done while it is done."""

    todo: list[Steps]
    done: dict[str, list[StepDone]] = field(default_factory=dict)

    @staticmethod
    def text(result: ApplyResult) -> str:
        """Say what was done, rolled back and left, in one line."""
        done = sum(len(row.done) for row in result.services)
        failed = [
            f"{row.service} {row.failed} {'stopped' if row.goes_on else 'rolled back'}"
            for row in result.services
            if row.failed
        ]
        left = sum(len(row.not_started) for row in result.services)
        return ", ".join([f"{done} done", *failed, f"{left} not started"])

    def result(self, *, at_work: Collection[str] = (), planned: bool = False) -> ApplyResult:
        """The state of things; the next revision of each service that was `at_work` is one that failed."""
        rows = []
        for history, steps in self.todo:
            done = tuple(self.done.get(history.service, ()))
            left = [revision.id for revision in steps[len(done) :]]
            failed = left.pop(0) if history.service in at_work and left else ""
            kept = bool(failed) and goes_on(history.revisions[failed])
            phases = {revision.id: revision.phase for revision in steps if revision.phase}
            row = ServiceApplied(service=history.service, done=done, failed=failed, goes_on=kept, phases=phases)
            rows.append(replace(row, not_started=tuple(left)))
        return ApplyResult(services=tuple(rows), planned=planned)


@dataclass(frozen=True)
class ApplyPlan:
    """What would be applied, in order, and what stands in the way of the rest."""

    todo: tuple[Steps, ...]
    at_head: tuple[str, ...]
    problems: tuple[Problem, ...]
    standings: Mapping[str, Standing]
    service: str = ""
    to: str = ""
    """The revision at which it ends, as asked for; empty for head."""
    phase: str = ""
    """As asked for: "expand", or empty for everything."""
    waiting: tuple[Waiting, ...] = ()

    def again(self, ws: Workspace, conn: Connection) -> ApplyPlan:
        """Return what was asked for, as it is to be done now."""
        return plan_apply(ws, conn, self.service, self.to, self.phase)

    def result(self, *, planned: bool) -> ApplyResult:
        """Return a result in which nothing is done yet."""
        # where something is to do, the gate tells them
        edited = [] if self.todo else [s.changed for s in self.standings.values() if s.changed is not None]
        notes = tuple(f"{one.code}: {one.message} ({one.where})" for one in edited)
        plan = Tally(list(self.todo)).result(planned=planned)
        return replace(plan, at_head=self.at_head, waiting=self.waiting, problems=self.problems, notes=notes)


def plan_apply(ws: Workspace, conn: Connection, service: str, to: str, phase: str = "") -> ApplyPlan:
    """What an apply would do now; raises as `apply` before it runs anything."""
    histories = read_histories(ws.registry)
    asked = {name: history for name, history in histories.items() if service in ("", name)}
    for history in asked.values():
        if isinstance(history, BadPhase):
            raise history  # for the others, too: what waits for it, or must not go before it, is not known
    standings = read_standings(conn, asked)
    again = {name: standing.repeatable for name, standing in standings.items() if standing.repeatable}
    _explain_half_applied(ws, standings, again)
    if service and service not in again:
        _require_sound(histories, standings[service])
    good = {name: history for name, history in histories.items() if not isinstance(history, HistoryError)}
    order = [name for name in service_order(ws.registry, good) if name in standings]
    todo: list[Steps] = []
    at_head = []
    for name in order:
        if standings[name].problem is not None and name not in again:
            continue
        steps = good[name].pending(standings[name].applied, to) if to else tuple(standings[name].pending)
        if steps:
            todo.append((good[name], steps))
        else:
            at_head.append(name)
    todo, waiting = _expanding(conn, ws, good, todo) if phase == EXPAND else (todo, ())
    planned = {(history.service, revision.id) for history, steps in todo for revision in steps}
    _refuse_half_applied({name: standings[name] for name, one in again.items() if (name, one) not in planned})
    refuse_unmet(conn, ws.registry, good, todo)
    problems = tuple(s.problem for s in standings.values() if s.problem is not None and s.service not in again)
    return ApplyPlan(tuple(todo), tuple(at_head), problems, standings, service, to, phase, waiting)


def _expanding(
    conn: Connection, ws: Workspace, histories: Mapping[str, History], todo: list[Steps]
) -> tuple[list[Steps], tuple[Waiting, ...]]:
    """What of these steps comes before the contracts of all services, and what waits."""
    mine = {history.service for history, _ in todo}
    others = [history for name, history in histories.items() if name not in mine]
    rows = read_versions(conn, others) if others else {}
    rest = [(history, history.pending(rows.get(history.service, ()))) for history in others]
    kept, waiting = expanding(ws.registry, histories, [*todo, *rest])
    return [one for one in kept if one[0].service in mine], tuple(one for one in waiting if one.service in mine)


def _explain_half_applied(ws: Workspace, standings: Mapping[str, Standing], again: Collection[str]) -> None:
    for standing in standings.values():
        if standing.state == "half-applied" and standing.problem is not None and standing.service not in again:
            from aegisdb.drift.half_applied import refusal

            with ws.connect() as conn:
                raise refusal(ws, conn, standing.service, standing.problem)


def _refuse_half_applied(standings: Mapping[str, Standing]) -> None:
    for standing in standings.values():
        if standing.state == "half-applied" and standing.problem is not None:
            problem = standing.problem
            raise Dirty(problem.message, hint=problem.hint, where=problem.where, code=problem.code)


def judge(
    conn: Connection | None,
    histories: Mapping[str, History | HistoryError],
    service: str,
    *,
    tolerated: Collection[State] = (),
) -> dict[str, Standing]:
    """Where every service stands, when this one can be worked on; `tolerated` are states that the caller leads out of.

    Raises:
        HistoryError: its files are broken; Dirty: something is half-applied; Difference: the database is at a revision
        that no file has.
    """
    standings = read_standings(conn, histories)
    _refuse_half_applied(standings)
    if standings[service].state not in {"several heads", *tolerated}:
        _require_sound(histories, standings[service])
    return standings


def _require_sound(histories: Mapping[str, History | HistoryError], standing: Standing) -> None:
    broken, problem = histories[standing.service], standing.problem
    if isinstance(broken, HistoryError):
        raise broken
    if problem is not None:
        raise Difference(problem.message, hint=problem.hint, where=problem.where, code=problem.code)
