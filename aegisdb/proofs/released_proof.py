"""The proof of new revisions on the released state: up on the rows that are there, down, up, and the rows counted."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.applied.version_tables import read_versions
from aegisdb.deploy.execution import run_deploy
from aegisdb.errors import AegisError, Interrupted, Unreachable
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.proofs.collector import describe, failure
from aegisdb.proofs.data_proof import contents, judge
from aegisdb.proofs.watched_sessions import WatchedSessions
from aegisdb.runtime.history_base import lay_ground
from aegisdb.runtime.step_options import StepOptions
from aegisdb.runtime.upgrade import Sessions, in_order

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection
    from aegisdb.proofs.data_proof import DataScope
    from aegisdb.proofs.proof_databases import Watch
    from aegisdb.proofs.revision_proof import RevisionProof
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision
    from aegisdb.revisions.sequence import Step, Steps
    from aegisdb.runtime.session import Session
    from aegisdb.workspace import Workspace


class ReleasedProver:
    """Proves what is not applied to the released state, on one clone of it, in the order of a `migrate.apply`."""

    def __init__(self, ws: Workspace, released: str, version_tables: frozenset[str], watch: Watch) -> None:
        self._ws = ws
        self._released = released
        self._version_tables = version_tables
        self._sessions = WatchedSessions(ws, watch)
        self._blocked = ""
        """The first revision that does not go up: none is tried after it."""

    def prove(self, scopes: Sequence[DataScope]) -> Iterator[RevisionProof]:
        """Prove the revisions of the scopes; `scopes` in the order in which services migrate."""
        wanted = {scope.history.service: scope.prove for scope in scopes}
        with ExitStack() as stack:
            address = stack.enter_context(
                scratch(self._ws.address(), template=self._released, label="roundtrip on the released state")
            )
            _deploy(self._ws, address)
            conn = stack.enter_context(connect(address, application="aegisdb: roundtrip with data"))
            for history, steps in _todo(self._ws, conn, [scope.history for scope in scopes]):
                session = self._sessions.of(history, conn, stack)
                for revision in steps:
                    proof = self._next(session, conn, history, revision)
                    if revision.id in wanted[history.service]:
                        yield proof
                if not self._blocked:
                    session.release()

    def _next(self, session: Session, conn: Connection, history: History, revision: Revision) -> RevisionProof:
        if self._blocked:
            note = f"with data: not reached, {self._blocked} before it does not apply to the released rows"
            return replace(describe(history, revision, "not reached"), notes=(note,))
        try:
            session.upgrade_one(revision.id)
        except (Interrupted, Unreachable):
            raise
        except AegisError as error:
            self._blocked = f"{history.service} {revision.id}"
            found = failure("released_upgrade_failed", history, revision, error)
            return replace(describe(history, revision, "failed"), findings=(found,))
        if revision.one_way is not None or self._ws.registry.services[history.service].one_way:
            return describe(history, revision, "one way")
        return self._back_and_again(session, conn, history, revision)

    def _back_and_again(
        self, session: Session, conn: Connection, history: History, revision: Revision
    ) -> RevisionProof:
        before = contents(conn, self._version_tables)
        code = "data_downgrade_failed"
        try:
            session.downgrade_one(revision.id)
            between = contents(conn, self._version_tables)
            code = "data_upgrade_failed"
            session.upgrade_one(revision.id)
        except (Interrupted, Unreachable):
            raise
        except AegisError as error:
            if code == "data_upgrade_failed":
                self._blocked = f"{history.service} {revision.id}"
            return replace(describe(history, revision, "failed"), findings=(failure(code, history, revision, error),))
        return judge(describe(history, revision, "proven"), before, between, contents(conn, self._version_tables))


def bring_up(
    ws: Workspace, conn: Connection, histories: Sequence[History], *, only: Collection[Step] | None = None
) -> None:
    """Apply what a `migrate.apply` of this branch would, after its deploy files, to a copy of the released state.

    With `only`, no other revisions than these.

    Raises:
        RevisionFailed and others: as `Session.upgrade_one`.
    """
    _deploy(ws, conn.address)
    options = StepOptions(listen=ws.listen, journal=False)
    with Sessions(ws.registry, conn.address, conn.identity(), options) as sessions:
        for _ in sessions.upgrade(_todo(ws, conn, histories, only)):
            pass


def _deploy(ws: Workspace, address: Address) -> None:
    run_deploy(ws.registry, address, bindir=ws.server.bindir(), listen=ws.listen)


def _todo(
    ws: Workspace, conn: Connection, histories: Sequence[History], only: Collection[Step] | None = None
) -> list[Steps]:
    lay_ground(ws.registry, conn, histories, bindir=ws.server.bindir(), listen=ws.listen)
    applied = read_versions(conn, histories)
    todo: list[Steps] = []
    for history in histories:
        steps = history.pending(applied[history.service])
        wanted = [one for one in steps if only is None or (history.service, one.id) in only]
        todo.append((history, tuple(wanted)))
    return in_order(ws.registry, [(history, steps) for history, steps in todo if steps])
