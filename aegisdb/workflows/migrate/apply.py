"""Applies what is pending, in cross-service order, under the writer lock."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from aegisdb.applied.requirements import refuse_unmet
from aegisdb.applied.status import read_standings
from aegisdb.errors import AegisError, Difference, Dirty, HistoryError, Interrupted, Problem, UsageError
from aegisdb.results import Result
from aegisdb.revisions.load import read_histories
from aegisdb.revisions.locate import alembic_settings
from aegisdb.revisions.order import service_order

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from aegisdb.applied.status import Standing, State
    from aegisdb.postgres.connection import Connection
    from aegisdb.revisions.history import History
    from aegisdb.runtime.step_results import StepDone
    from aegisdb.runtime.upgrade import Sessions, Steps
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class ServiceApplied:
    """What happened to one service's pending revisions."""

    service: str
    done: tuple[StepDone, ...] = ()
    failed: str = ""
    """The revision that failed or was interrupted; it was rolled back unless the error says otherwise."""
    not_started: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ApplyResult(Result):
    """What was applied, or with `planned` what would be; services that were at head are left out."""

    services: tuple[ServiceApplied, ...]
    planned: bool = False
    at_head: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class Tally:
    """Collects what is done while it is done."""

    todo: list[Steps]
    done: dict[str, list[StepDone]] = field(default_factory=dict)

    @staticmethod
    def text(result: ApplyResult) -> str:
        """What was done, rolled back and left, in one line."""
        done = sum(len(row.done) for row in result.services)
        failed = [f"{row.service} {row.failed} rolled back" for row in result.services if row.failed]
        left = sum(len(row.not_started) for row in result.services)
        return ", ".join([f"{done} done", *failed, f"{left} not started"])

    def result(self, *, at_work: Collection[str] = (), planned: bool = False) -> ApplyResult:
        """The state of things; the next revision of each service that was `at_work` is one that failed."""
        rows = []
        for history, steps in self.todo:
            done = tuple(self.done.get(history.service, ()))
            left = [revision.id for revision in steps[len(done) :]]
            failed = left.pop(0) if history.service in at_work and left else ""
            rows.append(ServiceApplied(service=history.service, done=done, failed=failed, not_started=tuple(left)))
        return ApplyResult(services=tuple(rows), planned=planned)


def apply(
    ws: Workspace, *, service: str = "", to: str = "", accept: str = "", dry_run: bool = False, timeout: float = 0
) -> ApplyResult:
    """Apply the pending revisions of all services, or of one, up to `to`. `dry_run` only says what that would be.

    `accept` has codes of the gate that do not stop it on a database that is not disposable.

    Nothing pending is answered without a lock and without a worker. A service that cannot be judged (broken files,
    an unknown revision, two heads) is a problem of the result while the others are applied, unless it was asked for.

    Raises:
        RevisionFailed, Busy, Dirty, Refused, Interrupted: with the partial result as `error.result`.
        Difference: the one service that was asked for is not where its files say.
    """
    if to and not service:
        raise UsageError("--to needs --service: a revision belongs to one service")
    if service:
        alembic_settings(ws.registry, service)
    codes = _accepted(accept)
    with ws.glance() as conn:
        before = plan_apply(ws, conn, service, to)
        if dry_run or not before.todo:
            return before.result(planned=dry_run)
    return _apply(ws, service, to, timeout, codes)


@dataclass(frozen=True)
class ApplyPlan:
    """What would be applied, in order, and what stands in the way of the rest."""

    todo: tuple[Steps, ...]
    at_head: tuple[str, ...]
    problems: tuple[Problem, ...]
    standings: Mapping[str, Standing]

    def result(self, *, planned: bool) -> ApplyResult:
        """As a result in which nothing is done yet."""
        return replace(Tally(list(self.todo)).result(planned=planned), at_head=self.at_head, problems=self.problems)


def plan_apply(ws: Workspace, conn: Connection, service: str, to: str) -> ApplyPlan:
    """What an apply would do now; raises as `apply` before it runs anything."""
    histories = read_histories(ws.registry)
    standings = read_standings(conn, {name: h for name, h in histories.items() if service in ("", name)})
    _explain_half_applied(ws, standings)
    if service:
        _require_sound(histories, standings[service])
    good = {name: history for name, history in histories.items() if not isinstance(history, HistoryError)}
    order = [name for name in service_order(ws.registry, good) if name in standings]
    todo, at_head = [], []
    for name in order:
        if standings[name].problem is not None:
            continue
        steps = good[name].pending(standings[name].applied, to) if to else tuple(standings[name].pending)
        if steps:
            todo.append((good[name], steps))
        else:
            at_head.append(name)
    refuse_unmet(conn, ws.registry, good, todo)
    problems = tuple(s.problem for s in standings.values() if s.problem is not None)
    return ApplyPlan(tuple(todo), tuple(at_head), problems, standings)


def _explain_half_applied(ws: Workspace, standings: Mapping[str, Standing]) -> None:
    for standing in standings.values():
        if standing.state == "half-applied" and standing.problem is not None:
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


def _accepted(text: str) -> frozenset[str]:
    if not text:
        return frozenset()
    from aegisdb.workflows.migrate.gate import accepted

    return accepted(text)


def _apply(ws: Workspace, service: str, to: str, timeout: float, codes: frozenset[str]) -> ApplyResult:
    from aegisdb.runtime.forkserver import warm_process

    warm_process(ws.registry)  # first: it loads Alembic while this process loads psycopg

    from aegisdb.postgres.driver_urls import require_sayable
    from aegisdb.postgres.side_schema import ensure
    from aegisdb.revisions.locate import alembic_settings
    from aegisdb.runtime.backend import wait_for_orphans
    from aegisdb.runtime.history_base import lay_ground
    from aegisdb.runtime.runs import run_recorded
    from aegisdb.runtime.step_options import StepOptions
    from aegisdb.runtime.upgrade import Sessions
    from aegisdb.workflows.migrate.gate import gate

    address = ws.address()
    command = ws.command or "migrate.apply"
    with ws.writing(command) as lock, ws.connect() as conn:
        conn.stay()
        wait_for_orphans(conn)  # first: what one of them commits counts
        plan = plan_apply(ws, conn, service, to)  # again: whoever held the lock may have changed it
        if not plan.todo:
            return plan.result(planned=False)
        warnings = gate(ws, conn, plan.todo, plan.standings, codes)
        require_sayable(address, [alembic_settings(ws.registry, h.service).driver for h, _ in plan.todo])
        ensure(conn)
        if lay_ground(ws.registry, conn, [h for h, _ in plan.todo], bindir=ws.server.bindir(), listen=ws.listen):
            plan = plan_apply(ws, conn, service, to)
        tally = Tally(list(plan.todo))
        sessions = Sessions(
            ws.registry,
            address,
            conn.identity(),
            StepOptions(listen=ws.listen, timeout=timeout or None, command=command, strict=True, lock=lock),
        )
        with run_recorded(conn, command) as notes, reporting(tally, sessions), sessions:
            for step in sessions.upgrade(plan.todo):
                tally.done.setdefault(step.service, []).append(step)
        return replace(tally.result(), at_head=plan.at_head, problems=plan.problems, notes=(*warnings, *notes))


@contextmanager
def reporting(tally: Tally, sessions: Sessions) -> Iterator[None]:
    """Give every error the partial result, and make an interruption say what was done."""
    try:
        yield
    except AegisError as error:
        raise error.amended(result=tally.result(at_work=sessions.at_work)) from None
    except KeyboardInterrupt:
        result = tally.result(at_work=sessions.at_work)
        raise Interrupted(
            f"interrupted: {tally.text(result)}", hint="invoke migrate.apply continues", result=result
        ) from None
