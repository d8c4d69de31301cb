"""`migrate.plan`: what pending revisions do, found out by running them on a copy of the target's database."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.applied.version_tables import read_versions
from aegisdb.building import fill, template
from aegisdb.building.proof_target import proving
from aegisdb.errors import AegisError, Busy, HistoryError, UsageError
from aegisdb.ownership import Owners
from aegisdb.postgres import databases
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.proofs.rehearsal import Rehearsal, rehearse
from aegisdb.results import Result
from aegisdb.revisions.load import read_histories
from aegisdb.revisions.locate import alembic_settings
from aegisdb.runtime.forkserver import warm_process
from aegisdb.runtime.upgrade import in_order
from aegisdb.workflows.migrate.concerned import about
from aegisdb.workflows.migrate.pending import plan_apply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aegisdb.errors import Problem
    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection
    from aegisdb.workflows.migrate.pending import ApplyPlan
    from aegisdb.workspace import Workspace

COPY = "a copy of the database"
REFERENCE = "an empty database at the applied revisions"
_ENDING = 0.3  # seconds for sessions of our own that were closed just now


@dataclass(frozen=True, kw_only=True)
class PlanResult(Result):
    """One entry a pending revision, in the order in which an apply would run them."""

    revisions: tuple[Rehearsal, ...]
    rehearsed_on: str = ""
    """COPY or REFERENCE; empty when nothing is pending."""
    why: str = ""
    """Why it was not a copy."""
    failed: str = ""
    """Service and revision whose rehearsal failed; none after it was rehearsed."""


@dataclass(frozen=True)
class _Stage:
    address: Address
    kind: str
    why: str = ""


def plan(
    ws: Workspace, *, service: str = "", to: str = "", phase: str = "", empty: bool = False, timeout: float = 0
) -> PlanResult:
    """Rehearse the pending revisions of all services, or of one up to `to`; the target's database is only copied.

    With `empty`, where sessions are on the database, or where the target is protected, an empty database at the applied
    revisions is used: its locks and rewrites are the same, its times and rows mean nothing.

    Raises:
        RevisionFailed: a pending revision does not apply; what was rehearsed before is `error.result`.
    """
    if to and not service:
        raise UsageError("--to needs --service: a revision belongs to one service")
    if service:
        alembic_settings(ws.registry, service)
        ws = about(ws, service)
    warm_process(ws.registry)
    ws.client.use_driver()
    with ws.connect() as conn:
        pending = plan_apply(ws, conn, service, to, phase)
        good = [h for h in read_histories(ws.registry).values() if not isinstance(h, HistoryError)]
        applied = read_versions(conn, good)
    if not pending.todo:
        return PlanResult(revisions=(), problems=pending.problems)
    with _stage(ws, applied, empty=empty) as stage, connect(stage.address, application="aegisdb: plan") as conn:
        return _rehearsed(ws, conn, pending, stage, timeout)


def _rehearsed(ws: Workspace, conn: Connection, pending: ApplyPlan, stage: _Stage, timeout: float) -> PlanResult:
    found: list[Rehearsal] = []

    def result(problems: tuple[Problem, ...], failed: str = "") -> PlanResult:
        revisions = tuple(found)
        return PlanResult(revisions=revisions, rehearsed_on=stage.kind, why=stage.why, failed=failed, problems=problems)

    version_tables = frozenset(Owners(ws.registry).version_tables)
    try:
        found.extend(rehearse(ws, conn, pending.todo, version_tables, timeout=timeout or None))
    except AegisError as error:
        steps = in_order(ws.registry, pending.todo)
        every = [f"{history.service} {revision.id}" for history, revisions in steps for revision in revisions]
        failed = next(iter(every[len(found) :]), "")
        raise error.amended(result=result(error.problems, failed)) from None
    return result(pending.problems)


@contextmanager
def _stage(ws: Workspace, applied: Mapping[str, tuple[str, ...]], *, empty: bool) -> Iterator[_Stage]:
    with ExitStack() as stack:
        why = "--empty" if empty else _in_the_way(ws)
        if not why:
            try:
                copy = stack.enter_context(scratch(ws.address(), template=ws.address().database, label="plan", wait=0))
            except Busy as error:
                why = error.message  # somebody came meanwhile
            else:
                yield _Stage(copy, COPY)
                return
        ws = proving(ws)
        address = stack.enter_context(scratch(ws.address(), template=template(ws, "base"), label="plan"))
        fill(ws, address, "histories", revisions=applied)
        yield _Stage(address, REFERENCE, why)


def _in_the_way(ws: Workspace) -> str:
    """Why the database cannot be copied now; nobody can log in while it is copied."""
    if ws.registry.target(ws.target).protected:
        return f"target {ws.target} is protected, and nobody could log in while its database is copied"
    if (there := proving(ws)) is not ws:
        return f"databases for proofs are made on target {there.target}"
    with databases.maintenance(ws.address(), application="aegisdb: plan") as conn:
        try:
            databases.wait_until_free(conn, ws.address().database, wait=_ENDING)
        except Busy as error:
            return error.message
    return ""
