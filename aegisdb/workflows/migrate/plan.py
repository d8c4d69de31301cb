"""`migrate.plan`: what pending revisions do, found out by running them on a copy of the target's database."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.applied.version_tables import read_versions
from aegisdb.building import fill, template
from aegisdb.building.proof_target import proving
from aegisdb.engines.choice import require_engine
from aegisdb.errors import Busy, HistoryError, UsageError
from aegisdb.ownership import Owners
from aegisdb.postgres import databases
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.results import Result
from aegisdb.revisions.load import read_histories
from aegisdb.revisions.locate import alembic_settings
from aegisdb.runtime.forkserver import warm_process
from aegisdb.runtime.upgrade import names_in
from aegisdb.shards import Shard
from aegisdb.workflows.migrate.concerned import about
from aegisdb.workflows.migrate.pending import plan_apply
from aegisdb.workflows.migrate.plan_parts import Part, Parts, Pending, Rehearsed, order_of, rehearse_part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from aegisdb.postgres.address import Address
    from aegisdb.proofs.rehearsal import Rehearsal
    from aegisdb.workflows.migrate.pending import ApplyPlan
    from aegisdb.workspace import Workspace

COPY = "a copy of the database"
REFERENCE = "an empty database at the applied revisions"
_ENDING = 0.3  # seconds for sessions of our own that were closed just now
_WORTH_PARTS = 32  # revisions; fewer take less time than two more copies and sessions
_OTHERS = 5.0  # seconds for those of other parts, which look at the database and copy it


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
    pending: tuple[str, ...] = ()
    """Service and revision of all that is pending, also in other parts, as an apply would run them."""
    shard: str = ""
    """The part of the services that was rehearsed; empty for all."""
    parts: tuple[Part, ...] = ()
    """With a `shard`: services that were rehearsed on one database, and others that were applied there, too."""


@dataclass(frozen=True)
class _Stage:
    address: Address
    kind: str
    why: str = ""


def plan(
    ws: Workspace,
    *,
    service: str = "",
    to: str = "",
    phase: str = "",
    empty: bool = False,
    timeout: float = 0,
    engine: str = "",
    shard: str = "",
) -> PlanResult:
    """Rehearse the pending revisions of all services, or of one up to `to`; the target's database is only copied.

    With `empty`, where sessions are on the database, or where the target is protected, an empty database at the applied
    revisions is used: its locks and rewrites are the same, its times and rows mean nothing. With a `shard` only the
    services of that part are told. With an `engine` its workers rehearse parts; the result is no other.

    Raises:
        RevisionFailed: a pending revision does not apply; what was rehearsed before is `error.result`. UsageError: no
        such engine or shard. Unreachable: the engine does not answer. Refused: as `rehearse_elsewhere`.
    """
    Shard.parse(shard)
    require_engine(engine)
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
        names = names_in(conn) if engine or shard else set()
    run = _Run(ws, pending, applied, shard, empty=empty, timeout=timeout)
    if not run.own:
        return run.result(Rehearsed(()), None)
    parts = Parts(ws.registry, run.todo, names) if engine or shard else None
    return run.elsewhere(parts, engine) if parts and engine else run.here(parts)


class _Run:
    """A plan that is made: what is pending, and of that what is asked for."""

    def __init__(
        self,
        ws: Workspace,
        pending: ApplyPlan,
        applied: Mapping[str, tuple[str, ...]],
        shard: str,
        *,
        empty: bool,
        timeout: float,
    ) -> None:
        self._ws = ws
        self._applied = applied
        self._shard = shard
        self._mine = Shard.parse(shard)
        self._empty = empty
        self._timeout = timeout
        self.todo = pending.todo
        self._problems = tuple(
            standing.problem
            for standing in pending.standings.values()
            if standing.problem in pending.problems and self._mine.has(standing.service)
        )
        self._order = order_of(ws.registry, pending.todo)
        self._ignored = frozenset(Owners(ws.registry).version_tables)

    @property
    def own(self) -> frozenset[str]:
        """Services that are to be told, of which something is pending."""
        return frozenset(filter(self._mine.has, self._every))

    @property
    def _every(self) -> frozenset[str]:
        return frozenset(history.service for history, _ in self.todo)

    def here(self, parts: Parts | None) -> PlanResult:
        """Rehearse everything on one database, or with `parts` the shard."""
        part = parts.of(self.own) if parts else Part(self.own)
        found, stage = self._on_stage(part)
        if found.doubtful and part.applied != self._every:
            # only after everything else its failure is the truth
            part = Part(self.own, self._every - self.own)
            found, stage = self._on_stage(part)
        return self.result(found, stage, [part])

    def _on_stage(self, part: Part) -> tuple[Rehearsed, _Stage]:
        with self._stage() as stage:
            return self._beside(stage) or self._rehearsed(stage, part), stage

    def _beside(self, stage: _Stage) -> Rehearsed | None:
        """What two parts find side by side; None where everything is to be rehearsed on the stage."""
        if self._shard or len(self.own) < 2 or len(self._order) < _WORTH_PARTS:  # noqa: PLR2004
            return None
        from aegisdb.workflows.migrate.plan_beside import rehearse_beside

        return rehearse_beside(self._ws, self._pending(), stage.address, own=proving(self._ws).server.own)

    def _pending(self) -> Pending:
        return Pending(self.todo, self.own, self._ignored, self._order, self._timeout)

    def _stage(self) -> AbstractContextManager[_Stage]:
        # other parts look at the database at the same time
        wait = _OTHERS if self._mine.of > 1 else _ENDING
        return _stage(self._ws, self._applied, empty=self._empty, wait=wait)

    def _rehearsed(self, stage: _Stage, part: Part) -> Rehearsed:
        with connect(stage.address, application="aegisdb: plan") as conn:
            return rehearse_part(self._ws, conn, self.todo, part, self._ignored, timeout=self._timeout)

    def elsewhere(self, parts: Parts, name: str) -> PlanResult:
        """Let an engine rehearse parts, each on a copy of one database, which is not changed."""
        from aegisdb.engines.choice import engine
        from aegisdb.workflows.migrate.plan_elsewhere import rehearse_elsewhere

        with engine(name) as there, self._stage() as stage:
            found, cut = rehearse_elsewhere(proving(self._ws), self._pending(), parts, stage.address, there)
            if found is None:
                cut = [Part(self.own, self._every - self.own)]
                found = self._rehearsed(stage, cut[0])
            return self.result(found, stage, cut)

    def result(self, found: Rehearsed, stage: _Stage | None, parts: Sequence[Part] = ()) -> PlanResult:
        """The result, with what a part has found.

        Raises:
            AegisError: the rehearsal's own.
        """
        error = found.error
        made = PlanResult(
            revisions=found.revisions,
            rehearsed_on=stage.kind if stage else "",
            why=stage.why if stage else "",
            failed=found.failed,
            pending=self._order,
            shard=self._shard,
            parts=tuple(parts) if self._shard else (),
            problems=error.problems if error else self._problems,
        )
        if error:
            raise error.amended(result=made) from None
        return made


@contextmanager
def _stage(ws: Workspace, applied: Mapping[str, tuple[str, ...]], *, empty: bool, wait: float) -> Iterator[_Stage]:
    with ExitStack() as stack:
        why = "--empty" if empty else _in_the_way(ws, wait)
        if not why:
            try:
                patience = wait if wait > _ENDING else 0
                source, own = ws.address().database, ws.server.own
                made = scratch(ws.address(), template=source, label="plan", wait=patience, soon=own)
                copy = stack.enter_context(made)
            except Busy as error:
                why = error.message  # somebody came meanwhile
            else:
                yield _Stage(copy, COPY)
                return
        ws = proving(ws)
        address = stack.enter_context(
            scratch(ws.address(), template=template(ws, "base"), label="plan", soon=ws.server.own)
        )
        fill(ws, address, "histories", revisions=applied)
        yield _Stage(address, REFERENCE, why)


def _in_the_way(ws: Workspace, wait: float) -> str:
    """Why the database cannot be copied now; nobody can log in while it is copied."""
    if ws.registry.target(ws.target).protected:
        return f"target {ws.target} is protected, and nobody could log in while its database is copied"
    if (there := proving(ws)) is not ws:
        return f"databases for proofs are made on target {there.target}"
    with databases.maintenance(ws.address(), application="aegisdb: plan") as conn:
        try:
            databases.wait_until_free(conn, ws.address().database, wait=wait)
        except Busy as error:
            return error.message
    return ""
