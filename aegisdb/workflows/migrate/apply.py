"""Applies what is pending, in cross-service order, under the writer lock."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError, Interrupted, UsageError
from aegisdb.revisions.locate import alembic_settings
from aegisdb.workflows.migrate.pending import Tally, plan_apply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from aegisdb.errors import Problem
    from aegisdb.postgres.connection import Connection
    from aegisdb.postgres.locks import WriterLock
    from aegisdb.runtime.upgrade import Sessions
    from aegisdb.workflows.migrate.pending import ApplyPlan, ApplyResult
    from aegisdb.workspace import Workspace

    Around = Callable[[Connection], AbstractContextManager[object]]


def apply(
    ws: Workspace,
    *,
    service: str = "",
    to: str = "",
    phase: str = "",
    accept: str = "",
    dry_run: bool = False,
    timeout: float = 0,
    around: Around | None = None,
) -> ApplyResult:
    """Apply the pending revisions of all services, or of one, up to `to`. `dry_run` only says what that would be.

    With the phase "expand" contracts wait, and so does what comes after them or needs them. `accept` has codes of the
    gate that do not stop it on a database that is not disposable.

    Nothing pending is answered without a lock and without a worker. A service that cannot be judged (broken files,
    an unknown revision, two heads) is a problem of the result while the others are applied, unless it was asked for.
    `around` is entered under the writer lock before anything is decided, also where nothing is pending any more.

    Raises:
        RevisionFailed, Busy, Dirty, Refused, Interrupted: with the partial result as `error.result`.
        Difference: the one service that was asked for is not where its files say.
    """
    if to and not service:
        raise UsageError("--to needs --service: a revision belongs to one service")
    if service:
        alembic_settings(ws.registry, service)
    codes = _accepted(accept)
    with ws.short_session() as conn, conn.looking():
        before = plan_apply(ws, conn, service, to, phase)
    if not before.todo and around is None:
        return before.result(planned=dry_run)
    if dry_run:
        from aegisdb.workflows.migrate.gate import foretell

        return replace(before.result(planned=True), notes=foretell(ws, before, codes))
    return _apply(ws, before, timeout, codes, around)


def _accepted(text: str) -> frozenset[str]:
    if not text:
        return frozenset()
    from aegisdb.workflows.migrate.gate import accepted

    return accepted(text)


def _apply(
    ws: Workspace, before: ApplyPlan, timeout: float, codes: frozenset[str], around: Around | None
) -> ApplyResult:
    from aegisdb.runtime.forkserver import warm_process

    warm_process(ws.registry)  # first: it loads Alembic while this process loads psycopg

    from aegisdb.postgres.driver_urls import require_sayable
    from aegisdb.postgres.side_schema import ensure
    from aegisdb.revisions.locate import alembic_settings
    from aegisdb.runtime.history_base import lay_ground
    from aegisdb.runtime.runs import run_recorded
    from aegisdb.runtime.step_options import StepOptions
    from aegisdb.runtime.upgrade import Sessions
    from aegisdb.workflows.migrate.gate import gate
    from aegisdb.workflows.migrate.resolve import begin_again

    address = ws.address()
    command = ws.command or "migrate.apply"
    with writing_after_rehearsal(ws, command, before) as (lock, found), _settled(ws, around) as conn:
        plan = before.again(ws, conn)  # whoever held the lock may have changed it
        if not plan.todo:
            return plan.result(planned=False)
        warnings = gate(ws, conn, plan, codes, found)
        require_sayable(address, [alembic_settings(ws.registry, h.service).driver for h, _ in plan.todo])
        ensure(conn)
        again = [begin_again(ws, conn, h.service) for h, _ in plan.todo if plan.standings[h.service].repeatable]
        if lay_ground(ws.registry, conn, [h for h, _ in plan.todo], bindir=ws.server.bindir(), listen=ws.listen):
            plan = plan.again(ws, conn)
        tally = Tally(list(plan.todo))
        options = StepOptions(
            listen=ws.listen, timeout=timeout or None, command=command, strict=True, lock=lock, idle=conn
        )
        sessions = Sessions(ws.registry, address, conn.identity(), options)
        with run_recorded(conn, command) as notes, reporting(tally, sessions), sessions:
            for step in sessions.upgrade(plan.todo):
                tally.done.setdefault(step.service, []).append(step)
        ended = replace(tally.result(), at_head=plan.at_head, waiting=plan.waiting)
        return replace(ended, problems=plan.problems, notes=(*warnings, *again, *notes))


@contextmanager
def _settled(ws: Workspace, around: Around | None) -> Iterator[Connection]:
    """A session, once what earlier runs still did on the database has ended, within `around`; the lock is held."""
    from aegisdb.building.laid_base import missed
    from aegisdb.runtime.backend import wait_for_orphans

    with ws.connect() as conn:
        conn.stay()
        wait_for_orphans(conn)  # first: what one of them commits counts
        with around(conn) if around else nullcontext(), missed(ws, conn):
            yield conn


@contextmanager
def writing_after_rehearsal(
    ws: Workspace, command: str, plan: ApplyPlan
) -> Iterator[tuple[WriterLock, tuple[Problem, ...]]]:
    """Hold the writer lock, and what the gate's trials say; while one copies the database nobody is on it."""
    from aegisdb.workflows.migrate.gate import rehearsed

    with ws.writing(command) as lock:
        yield lock, rehearsed(ws, plan)


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
