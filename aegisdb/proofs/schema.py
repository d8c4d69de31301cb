"""The proof of one service on an empty scratch database: up, down, up, with a fingerprint after each step.

The database starts as the base schema with every service that this one needs at head (`after` and foreign keys), and
nothing of the services that need it: what a revision may rely on, and nothing that it could not know. After a clean
proof the database stands at the next revision's parent and is used on; after a fault it is made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError, Interrupted, RevisionFailed, Unreachable
from aegisdb.fingerprint import read
from aegisdb.histories.applying import apply_histories
from aegisdb.histories.session import Session
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.progress import Event
from aegisdb.proofs.findings import Finding, RevisionProof, Status

if TYPE_CHECKING:
    from aegisdb.fingerprint import Fingerprint
    from aegisdb.histories.revisions import History
    from aegisdb.histories.scan import Revision
    from aegisdb.postgres.connection import Connection
    from aegisdb.proofs.judging import Judge
    from aegisdb.workspace import Workspace

Watch = Callable[[Session], None]
"""Is told each session when it is made, so that Ctrl-C can end it from another thread."""


@dataclass(frozen=True)
class Stage:
    """A scratch database, the service's session on it, and a connection to look at it."""

    session: Session
    conn: Connection


class ServiceProver:
    """Proves revisions of one service, in order."""

    def __init__(
        self, ws: Workspace, history: History, needs: tuple[str, ...], base: str, judge: Judge, watch: Watch
    ) -> None:
        self._ws = ws
        self._history = history
        self._needs = needs
        self._base = base
        self._judge = judge
        self._watch = watch

    def prove(self, scope: frozenset[str]) -> Iterator[RevisionProof]:
        """Prove each revision of the scope; a broken one is told, and the rest are proven all the same."""
        todo = [revision for revision in self._history.ordered() if revision.id in self._with_parents(scope)]
        try:
            yield from self._prove(todo, scope)
        except _NeedsBroken as broken:
            yield from self._broken_needs([r for r in todo if r.id in scope], broken.error)

    def _prove(self, todo: list[Revision], scope: frozenset[str]) -> Iterator[RevisionProof]:
        done: list[Revision] = []
        while todo:
            with self._stage() as stage:
                broken = self._forward(stage, done)
                if broken is not None:
                    yield from (_not_reached(self._history, r, broken) for r in todo if r.id in scope)
                    return
                for proof in self._prove_until_dirty(stage, todo, done, scope):
                    yield proof
                    if any(f.code == "upgrade_failed" for f in proof.findings):
                        yield from (_not_reached(self._history, r, proof.revision) for r in todo if r.id in scope)
                        return

    def _broken_needs(self, todo: list[Revision], error: RevisionFailed) -> Iterator[RevisionProof]:
        """What this service starts on cannot be built: the first revision tells why, the others are not reached."""
        first, *rest = todo
        finding = Finding(code="needs_failed", detail=error.message)
        yield replace(describe(self._history, first, "not reached"), findings=(finding,))
        for revision in rest:
            yield _not_reached(self._history, revision, "what the service needs")

    def _with_parents(self, scope: frozenset[str]) -> frozenset[str]:
        return self._history.ancestors(scope)

    def _prove_until_dirty(
        self, stage: Stage, todo: list[Revision], done: list[Revision], scope: frozenset[str]
    ) -> Iterator[RevisionProof]:
        before: Fingerprint | None = None
        while todo:
            revision = todo.pop(0)
            if revision.id not in scope:
                before = None
                broken = self._apply(stage, revision)
                if broken is not None:
                    yield broken
                    return
                done.append(revision)
                continue
            proof, before = self._prove_one(stage, revision, before or read(stage.conn))
            done.append(revision)
            yield proof
            if before is None:
                return

    def _apply(self, stage: Stage, revision: Revision) -> RevisionProof | None:
        try:
            stage.session.upgrade_one(revision.id)
        except (Interrupted, Unreachable):
            raise
        except AegisError as error:
            return _failed(self._history, revision, failure("upgrade_failed", self._history, revision, error))
        return None

    def _prove_one(
        self, stage: Stage, revision: Revision, before: Fingerprint
    ) -> tuple[RevisionProof, Fingerprint | None]:
        """The proof, and the fingerprint that the next revision starts from; None where a new database is needed."""
        report = _Report(self._history, revision)
        session = stage.session
        if not report.step("upgrade_failed", lambda: session.upgrade_one(revision.id).seconds):
            return report.proof(), None
        first = read(stage.conn)
        report.objects = len(self._judge.changes(before, first))
        report.add(*self._judge.blast_radius(before, first))
        if revision.one_way is not None:
            report.notes.append(f"one way: {revision.one_way}")
            return report.proof("one way"), first
        if not report.step("downgrade_failed", lambda: session.downgrade_one(revision.id).seconds):
            return report.proof(), None
        findings, notes = self._judge.undone(before, read(stage.conn))
        report.add(findings, notes)
        if not report.step(
            "upgrade_failed" if not findings else "upgrade_differs", lambda: self._again(session, revision)
        ):
            return report.proof(), None
        second = read(stage.conn)
        report.add(self._judge.repeated(first, second))
        return report.proof(), second if not report.findings else None

    def _again(self, session: Session, revision: Revision) -> float:
        session.upgrade_one(revision.id)
        return 0.0

    def _forward(self, stage: Stage, done: list[Revision]) -> str | None:
        """Build the parent of what comes next; the id of the revision that does not go up again, if any."""
        for revision in done:
            if self._apply(stage, revision) is not None:
                return revision.id
        return None

    @contextmanager
    def _stage(self) -> Iterator[Stage]:
        ws, service = self._ws, self._history.service
        with ExitStack() as stack:
            address = stack.enter_context(scratch(ws.address(), template=self._base, label=f"roundtrip {service}"))
            ws.listen(Event(step="scratch database", subject=service, note=address.database))
            conn = stack.enter_context(connect(address, application="aegisdb: roundtrip"))
            identity = conn.identity()
            if self._needs:
                try:
                    apply_histories(ws.registry, address, identity, services=self._needs, journal=False)
                except RevisionFailed as error:
                    raise _NeedsBroken(error) from None
            session = stack.enter_context(
                Session(ws.registry, self._history, address, identity, listen=ws.listen, journal=False)
            )
            self._watch(session)
            yield Stage(session, conn)


class _NeedsBroken(Exception):
    """A service that this one needs does not apply."""

    def __init__(self, error: RevisionFailed) -> None:
        super().__init__(error.message)
        self.error = error


class _Report:
    """Collects what is found out about one revision."""

    def __init__(self, history: History, revision: Revision) -> None:
        self._history = history
        self._revision = revision
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        self.objects = 0
        self._seconds: list[float] = []

    def add(self, findings: tuple[Finding, ...], notes: tuple[str, ...] = ()) -> None:
        self.findings += findings
        self.notes += notes

    def step(self, code: str, do: Callable[[], float]) -> bool:
        """Do one step; a failure becomes a finding and False."""
        try:
            self._seconds.append(do())
        except (Interrupted, Unreachable):
            raise
        except AegisError as error:
            self.findings.append(failure(code, self._history, self._revision, error))
            return False
        return True

    def proof(self, status: Status = "proven") -> RevisionProof:
        up, down, *_ = [*self._seconds, 0.0, 0.0]
        return replace(
            describe(self._history, self._revision, "failed" if self.findings else status),
            findings=tuple(self.findings),
            notes=tuple(self.notes),
            objects=self.objects,
            up_seconds=up,
            down_seconds=down,
        )


def describe(history: History, revision: Revision, status: Status) -> RevisionProof:
    """A proof that says only which revision it is about."""
    return RevisionProof(
        service=history.service,
        revision=revision.id,
        message=revision.message,
        where=f"{revision.path}:{revision.line}",
        status=status,
    )


def failure(code: str, history: History, revision: Revision, error: AegisError) -> Finding:
    """A step that failed; which revision it was is told elsewhere."""
    detail = error.message.removeprefix(f'{history.service}: {revision.id} "{revision.message}": ')
    return Finding(code=code, detail=detail.removeprefix("upgrade failed: ").removeprefix("downgrade failed: "))


def _failed(history: History, revision: Revision, finding: Finding) -> RevisionProof:
    return replace(describe(history, revision, "failed"), findings=(finding,))


def _not_reached(history: History, revision: Revision, broken: str) -> RevisionProof:
    return replace(describe(history, revision, "not reached"), notes=(f"{broken} does not apply",))


__all__ = ["ServiceProver", "Stage", "Watch", "describe", "failure"]
