"""Reverts revisions of one service; says first which tables and how many rows that costs."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.applied.out_of_order import as_it_ran
from aegisdb.errors import AegisError, Busy, Failed, Interrupted, Refused, UsageError
from aegisdb.plain_text import number_of
from aegisdb.progress import Event
from aegisdb.results import Result
from aegisdb.revisions.load import read_histories, read_history
from aegisdb.revisions.locate import alembic_settings
from aegisdb.workflows.migrate.pending import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aegisdb.applied.data_loss import Dropped, Loss
    from aegisdb.applied.status import Standing
    from aegisdb.postgres.connection import Connection
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision
    from aegisdb.runtime.session import Session
    from aegisdb.runtime.step_results import StepDone
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class RollbackResult(Result):
    """What was reverted (and, for a reapply, applied again); with `planned` what would be."""

    service: str
    losses: tuple[Loss, ...]
    """Rows that went, or would go, with tables and columns."""
    done: tuple[StepDone, ...] = ()
    failed: str = ""
    not_started: tuple[str, ...] = ()
    planned: bool = False


def rollback(
    ws: Workspace,
    service: str,
    *,
    steps: int = 1,
    to: str = "",
    from_journal: bool = False,
    dry_run: bool = False,
    yes: bool = False,
    only: tuple[str, ...] = (),
) -> RollbackResult:
    """Revert the newest `steps` revisions, or everything above `to`. `dry_run` only says what that would cost.

    `from_journal` reverts what was applied from another branch, by the sources that the journal has of it.
    With `only` nothing but these is reverted: where others would be, it is Busy.
    More than one revision counts as destructive: the database must be disposable or confirmed.

    Raises:
        UsageError: not that many are applied; Refused: another service rests on it, or the database is shared;
        RevisionFailed: a downgrade failed, with what was reverted before as `error.result`.
    """
    if from_journal:
        with _brought_back(ws, service) as found:
            if not found:
                return RollbackResult(service=service, losses=(), planned=dry_run)
            only = () if to else found
            return _revert(ws, service, steps=len(found), to=to, only=only, dry_run=dry_run, yes=yes, again=False)
    return _revert(ws, service, steps=steps, to=to, only=only, dry_run=dry_run, yes=yes, again=False)


def reapply(
    ws: Workspace, service: str, *, steps: int = 1, to: str = "", dry_run: bool = False, yes: bool = False
) -> RollbackResult:
    """Revert and apply again the same revisions, in one run of env.py; raises as `rollback`."""
    return _revert(ws, service, steps=steps, to=to, dry_run=dry_run, yes=yes, again=True)


@contextmanager
def _brought_back(ws: Workspace, service: str) -> Iterator[tuple[str, ...]]:
    from aegisdb.applied.missing_revisions import journaled_sources
    from aegisdb.applied.version_tables import read_versions
    from aegisdb.revisions.brought_back import brought_back
    from aegisdb.revisions.folder_lock import folder_lock

    alembic_settings(ws.registry, service)
    home = ws.registry.root / ws.registry.services[service].path
    with folder_lock(home, service, wait=ws.lock_wait, listen=ws.listen):
        history = read_history(ws.registry, service)
        with ws.connect() as conn:
            rows, sources = read_versions(conn, [history])[service], journaled_sources(conn, service)
        with brought_back(history, rows, sources) as found:
            yield found


def _revert(
    ws: Workspace,
    service: str,
    *,
    steps: int,
    to: str,
    dry_run: bool,
    yes: bool,
    again: bool,
    only: tuple[str, ...] = (),
) -> RollbackResult:
    from aegisdb.runtime.backend import wait_for_orphans
    from aegisdb.runtime.forkserver import warm_process
    from aegisdb.runtime.runs import run_recorded
    from aegisdb.runtime.session import Session
    from aegisdb.runtime.step_options import StepOptions

    alembic_settings(ws.registry, service)
    if steps < 1:
        raise UsageError(f"--steps {steps}: at least one revision")
    warm_process(ws.registry)
    command = ws.command or ("migrate.reapply" if again else "migrate.rollback")
    with ws.writing(command) as lock, ws.connect() as conn:
        conn.stay()
        wait_for_orphans(conn)  # first: what one of them commits counts
        job = _Job.prepare(ws, conn, service, steps=steps, to=to)
        job.require(only)
        options = StepOptions(listen=ws.listen, command=command, strict=True, lock=lock, idle=conn)
        with Session(ws.registry, job.history, ws.address(), conn.identity(), options) as session:
            losses = job.losses(ws, conn, session)
            if dry_run or not job.down:
                planned = tuple(revision.id for revision in job.down)
                return RollbackResult(service=service, losses=losses, not_started=planned, planned=dry_run)
            _tell(ws, losses)
            job.tell_edited(ws)
            _require_consent(ws, conn, job, command, yes=yes)
            _make_ready(ws, conn, job)
            with run_recorded(conn, command):
                return _run(session, job, losses, again=again)


def _require_consent(ws: Workspace, conn: Connection, job: _Job, command: str, *, yes: bool) -> None:
    """Let more than one revision be reverted only on a database that may be destroyed."""
    if len(job.down) > 1:
        from aegisdb.safety import require_disposable

        require_disposable(ws, conn, verb=command, yes=yes)


def _make_ready(ws: Workspace, conn: Connection, job: _Job) -> None:
    """Let the side schema be there, and no backfill of the service be under way."""
    from aegisdb.postgres.side_schema import ensure

    ensure(conn)
    if job.standings[job.history.service].repeatable:
        from aegisdb.workflows.migrate.resolve import begin_again

        begin_again(ws, conn, job.history.service)


@dataclass(frozen=True)
class _Job:
    """The revisions to be reverted, and what they stand on."""

    history: History
    applied: tuple[str, ...]
    down: tuple[Revision, ...]
    standings: dict[str, Standing]

    def require(self, only: tuple[str, ...]) -> None:
        """Refuse when these revisions were shown, and others are to be reverted by now; without any, nothing was."""
        if only and {revision.id for revision in self.down} != set(only):
            service = self.history.service
            raise Busy(f"{service}: another run changed what is applied in the meantime", hint="run it again")

    @classmethod
    def prepare(cls, ws: Workspace, conn: Connection, service: str, *, steps: int, to: str) -> _Job:
        histories = read_histories(ws.registry)
        standings = judge(conn, histories, service, tolerated={"never ran"})
        history, found = standings[service].history, standings[service].out_of_order
        if history is None:
            raise AssertionError  # judge raised
        if found is not None:  # the way out: down to where it ran from, past what never ran
            history = as_it_ran(history, found.moved)
        applied = standings[service].applied
        if ws.registry.services[service].one_way:
            raise Refused(
                f"{service}: no downgrades here by policy (`one_way: true`)",
                where=str(ws.registry.path),
                hint="restore a snapshot instead",
                code="one_way",
            )
        down = history.path_down(applied, steps=steps, to=to)
        for revision in down:
            if revision.one_way:
                raise Refused(
                    f"{service}: {revision.id} cannot be reverted: {revision.one_way}",
                    where=f"{revision.path}:{revision.line}",
                    hint="restore a snapshot from before it instead",
                    code="one_way",
                )
        return cls(history, applied, down, standings)

    def losses(self, ws: Workspace, conn: Connection, session: Session) -> tuple[Loss, ...]:
        from aegisdb.applied.data_loss import losses
        from aegisdb.applied.dependents import refuse_dependents
        from aegisdb.applied.requirements import refuse_required

        dropped = self._dropped(session)
        others = {name: (s.history, s.applied) for name, s in self.standings.items() if s.history is not None}
        refuse_required(ws.registry, self.history.service, {revision.id for revision in self.down}, others)
        refuse_dependents(conn, ws.registry, self.history.service, dropped, others)
        return losses(conn, dropped)

    @property
    def edited(self) -> frozenset[str]:
        """Revisions to be reverted whose file does something else than what ran here."""
        return frozenset(self.standings[self.history.service].edited)

    def tell_edited(self, ws: Workspace) -> None:
        """Say whose downgrade is not that of what ran."""
        for revision in self.down:
            if revision.id in self.edited:
                subject = f"{self.history.service} {revision.id}"
                ws.listen(Event(step="edited", subject=subject, note="its file is not what ran here"))

    def explained(self, error: AegisError, revision: str) -> AegisError:
        """The error of a revision, with the way out where its downgrade is not that of what ran."""
        if revision not in self.edited:
            return error
        ran = f"invoke migrate.log --service {self.history.service} --show {revision}"
        return error.amended(hint=f"its file is not what ran here, {ran} shows that: put it back, then roll back again")

    def _dropped(self, session: Session) -> tuple[Dropped, ...]:
        from aegisdb.applied.data_loss import dropped_by_source, dropped_by_sql

        try:
            sql = session.render_sql(self.applied, tuple(revision.id for revision in self.down), "downgrade")
        except Failed:
            # a downgrade that reads data, or an env.py without an offline part: its text must do
            return dropped_by_source(self.down, self.history.schema)
        return dropped_by_sql(sql, self.history.schema)


def _tell(ws: Workspace, losses: Sequence[Loss]) -> None:
    for loss in losses:
        what = f"column {loss.table}.{loss.column}" if loss.column else f"table {loss.table}"
        about = "" if loss.exact else "about "
        ws.listen(Event(step="will lose", subject=what, note=f"{about}{number_of(loss.rows, 'row')}"))


def _run(session: Session, job: _Job, losses: tuple[Loss, ...], *, again: bool) -> RollbackResult:
    calls: list[tuple[Callable[[str], StepDone], str]] = [(session.downgrade_one, r.id) for r in job.down]
    if again:
        calls += [(session.upgrade_one, r.id) for r in reversed(job.down)]
    done: list[StepDone] = []

    def result(*, stopped: bool = False) -> RollbackResult:
        left = [identifier for _, identifier in calls[len(done) :]]
        failed = left.pop(0) if stopped and left else ""
        return RollbackResult(
            service=job.history.service, losses=losses, done=tuple(done), failed=failed, not_started=tuple(left)
        )

    try:
        for step, identifier in calls:
            done.append(step(identifier))
    except AegisError as error:
        partial = result(stopped=True)
        raise job.explained(error, partial.failed).amended(result=partial) from None
    except KeyboardInterrupt:
        text = f"interrupted: {len(done)} done, {job.history.service} {calls[len(done)][1]} rolled back"
        raise Interrupted(text, hint="see invoke migrate.status", result=result(stopped=True)) from None
    return result()
