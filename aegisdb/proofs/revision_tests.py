"""Runs the tests of revisions: each on a database at the revision's parent, up and down, and the rows compared."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError, Interrupted, Unreachable
from aegisdb.plain_text import number_of
from aegisdb.postgres.quoting import quote_ident
from aegisdb.proofs.collector import failure, fault
from aegisdb.proofs.proof_databases import Ground, GroundBroken
from aegisdb.proofs.rows import differences, insert, read_rows
from aegisdb.revisions.row_tests import files_of_tests, read_row_test

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from aegisdb.proofs.proof_databases import Stage, Watch
    from aegisdb.proofs.revision_proof import Finding, RevisionProof
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision
    from aegisdb.revisions.row_tests import Rows, RowTest
    from aegisdb.workspace import Workspace

    Found = tuple[tuple[Finding, ...], tuple[str, ...]]  # findings and remarks

_TOLD = 20  # rows of one direction
_NO_ROWS = "its test names no row yet"
_NO_PARENT = "its test was not run: a database at its parent cannot be built"


class RowTester:
    """Runs the tests of one service's revisions, on grounds as those of `ServiceProver`."""

    def __init__(
        self, ws: Workspace, history: History, needs: Mapping[str, tuple[str, ...]], base: str, watch: Watch
    ) -> None:
        service = ws.registry.services[history.service]
        given = history.ancestors(history.resolve(service.stamp)) if service.stamp else frozenset()
        self._history = history
        self._one_way = service.one_way
        self._below = given | history.ancestors(needs.get(history.service, ()))
        self._make_ground = partial(Ground, ws, history, needs, base, watch, alone=False)

    def run(self, scope: frozenset[str]) -> Mapping[str, Found]:
        """Findings and remarks, by revision of the scope that has a test."""
        files = files_of_tests(self._history, scope)
        if not files:
            return {}
        with self._make_ground() as ground:
            return {
                revision: self._one(ground, self._history.revisions[revision], path) for revision, path in files.items()
            }

    def _one(self, ground: Ground, revision: Revision, path: Path) -> Found:
        try:
            test = read_row_test(path)
        except AegisError as error:
            return (fault("test_failed", error.message),), ()
        if test.empty:
            return (), (_NO_ROWS,)
        if revision.id in self._below:
            return (), (_NO_PARENT,)
        try:
            with ground.stage() as stage:
                return self._on(stage, revision, test)
        except GroundBroken:
            return (), (_NO_PARENT,)

    def _on(self, stage: Stage, revision: Revision, test: RowTest) -> Found:
        """Run it; no error of the test leaves the stage, which serves the next one."""
        if not self._build(stage, revision):
            return (), (_NO_PARENT,)
        try:
            return tuple(self._tried(stage, revision, test)), ()
        except (Interrupted, Unreachable):
            raise
        except AegisError as error:
            return (fault("test_failed", error.message),), ()

    def _build(self, stage: Stage, revision: Revision) -> bool:
        """Bring the database to the revision's parent; False where something below does not apply."""
        wanted = self._history.ancestors((revision.id,)) - {revision.id} - self._below
        try:
            for below in self._history.ordered():
                if below.id in wanted:
                    stage.session.upgrade_one(below.id)
        except (Interrupted, Unreachable):
            raise
        except AegisError:
            return False
        return True

    def _tried(self, stage: Stage, revision: Revision, test: RowTest) -> Iterator[Finding]:
        conn, session = stage.conn, stage.session
        if self._history.schema:
            conn.execute(f"SET search_path TO {quote_ident(self._history.schema)}, public")
        others = read_rows(conn, dict.fromkeys((*test.before, *test.after, *test.reverted)))
        insert(conn, test.before)
        steps: list[tuple[str, Callable[[str], object], Rows]] = [("upgrade", session.upgrade_one, test.after)]
        if not (revision.one_way is not None or self._one_way):
            steps.append(("downgrade", session.downgrade_one, test.reverted))
        for name, step, expected in steps:
            try:
                step(revision.id)
            except (Interrupted, Unreachable):
                raise
            except AegisError as error:
                yield failure(f"test_{name}_failed", self._history, revision, error)
                return
            yield from _told(f"after {name}: ", list(differences(conn, expected, others)))


def _told(begin: str, lines: list[str]) -> Iterator[Finding]:
    for line in lines[:_TOLD]:
        yield fault("rows_differ", begin + line)
    if len(lines) > _TOLD:
        yield fault("rows_differ", f"{begin}{number_of(len(lines) - _TOLD, 'row')} more")


def with_tests(proofs: Iterable[RevisionProof], found: Mapping[str, Found]) -> Iterator[RevisionProof]:
    """The proofs with what the tests of their revisions found."""
    for proof in proofs:
        findings, notes = found.get(proof.revision, ((), ()))
        yield replace(
            proof,
            status="failed" if findings else proof.status,
            findings=(*proof.findings, *findings),
            notes=(*proof.notes, *notes),
        )
