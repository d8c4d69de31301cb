"""The proof of one service on an empty scratch database: up, down, up, with a fingerprint after each step.

The database starts as the base schema with every service that this one needs at head (`after` and foreign keys), and
nothing of the services that need it: what a revision may rely on, and nothing that it could not know. While a second
upgrade gives what the first one gave, the database stands at the next revision's parent and is used on; else it is
made anew and built forward, so one broken revision does not hide the next. Revisions that a `stamp:` takes for applied
cannot be built forward: `descending.py` proves them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError, Interrupted, Unreachable
from aegisdb.proofs.collector import Report, describe, not_reached
from aegisdb.proofs.proof_databases import Ground, GroundBroken, Stage, Watch
from aegisdb.proofs.revision_proof import Finding, RevisionProof
from aegisdb.proofs.stamped_base import prove_descending

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.fingerprint import Fingerprint
    from aegisdb.proofs.judgement import Judge
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision
    from aegisdb.workspace import Workspace

_ALONE = "it applies only in one run with the revisions below it: a database that stops there cannot go on"


class ServiceProver:
    """Proves revisions of one service, in order."""

    def __init__(
        self,
        ws: Workspace,
        history: History,
        needs: tuple[str, ...],
        base: str,
        judge: Judge,
        watch: Watch,
        *,
        alone: bool,
    ) -> None:
        """`alone`: nothing else is proven meanwhile, so that fingerprints may take a second processor."""
        self._history = history
        self._judge = judge
        self._ground = Ground(ws, history, needs, base, watch, alone=alone)
        stamp = ws.registry.services[history.service].stamp
        self._given = history.ancestors(history.resolve(stamp)) if stamp else frozenset()

    def prove(self, scope: frozenset[str]) -> Iterator[RevisionProof]:
        """Prove each revision of the scope; a broken one is told, and the rest are proven all the same."""
        wanted = self._history.ancestors(scope)
        todo = [revision for revision in self._history.ordered() if revision.id in wanted]
        try:
            with self._ground:
                if scope & self._given:
                    with self._ground.stage() as stage:
                        found = list(prove_descending(stage, self._history, self._judge, self._given, scope))
                    yield from reversed(found)
                yield from self._ascend([r for r in todo if r.id not in self._given], scope)
        except GroundBroken as broken:
            yield from self._broken_ground([r for r in todo if r.id in scope], broken)

    def _broken_ground(self, todo: list[Revision], broken: GroundBroken) -> Iterator[RevisionProof]:
        """What this service starts on cannot be made: the first revision tells why, the others are not reached."""
        first, *rest = todo
        finding = Finding(code=broken.code, detail=broken.error.message)
        yield replace(describe(self._history, first, "not reached"), findings=(finding,))
        for revision in rest:
            yield not_reached(self._history, revision, "what the service needs does not apply")

    def _ascend(self, todo: list[Revision], scope: frozenset[str]) -> Iterator[RevisionProof]:
        done: list[Revision] = []
        held: RevisionProof | None = None
        while todo or held:
            with self._ground.stage() as stage:
                broken = self._forward(stage, done)
                if held is not None:
                    yield replace(held, notes=(*held.notes, _ALONE)) if broken is None else held
                climb = _Climb(stage, self._history, self._judge)
                if broken is None:
                    yield from climb.prove(todo, done, scope)
            held = climb.failed
            if held is not None and not climb.reverted:
                yield held
                broken = held.revision
            if broken is not None:
                why = f"{broken} below it does not apply"
                yield from (not_reached(self._history, r, why) for r in todo if r.id in scope)
                return

    def _forward(self, stage: Stage, done: list[Revision]) -> str | None:
        """Build the parent of what comes next in one run; the id of the revision that does not go up, if any."""
        for revision in done:
            try:
                stage.session.upgrade_one(revision.id)
            except (Interrupted, Unreachable):
                raise
            except AegisError:
                return revision.id  # told already, when it was proven
        return None


class _Climb:
    """One stage on the way up, as far as each revision leaves it as the next one's parent."""

    def __init__(self, stage: Stage, history: History, judge: Judge) -> None:
        self._stage = stage
        self._history = history
        self._judge = judge
        self._before: Fingerprint | None = None
        self.reverted = False
        """Something was taken down here, so a failing upgrade may be due to what that left in this run of env.py."""
        self._climbed = True
        self.failed: RevisionProof | None = None
        """The proof of a revision that did not go up."""

    def prove(self, todo: list[Revision], done: list[Revision], scope: frozenset[str]) -> Iterator[RevisionProof]:
        """Prove or just apply what is next, and move it from `todo` to `done`, until the stage cannot be used on."""
        usable = True
        while todo and usable:
            revision = todo.pop(0)
            done.append(revision)
            report = Report(self._history, revision)
            usable, proof = self._one(report, revision) if revision.id in scope else self._apply(report, revision)
            if not self._climbed:
                self.failed = proof
            elif proof is not None:
                yield proof

    def _apply(self, report: Report, revision: Revision) -> tuple[bool, RevisionProof | None]:
        self._before = None
        self._climbed = report.up("upgrade_failed", lambda: self._stage.session.upgrade_one(revision.id).seconds)
        return self._climbed, None if self._climbed else report.proof()

    def _one(self, report: Report, revision: Revision) -> tuple[bool, RevisionProof]:
        """Whether the stage can be used on, and the proof."""
        session = self._stage.session
        before = self._before or self._stage.fingerprint()
        self._climbed = report.up("upgrade_failed", lambda: session.upgrade_one(revision.id).seconds)
        if not self._climbed:
            report.add(self._judge.named(revision, "upgrade"))
            return False, report.proof()
        self._before = first = self._stage.fingerprint()
        report.objects = len(self._judge.changes(before, first))
        report.add(*self._judge.blast_radius(before, first))
        if revision.one_way is not None:
            report.notes.append(f"one way: {revision.one_way}")
            return True, report.proof("one way")
        self.reverted = True
        if not report.down(lambda: session.downgrade_one(revision.id).seconds):
            report.add(self._judge.named(revision, "downgrade"))
            return False, report.proof()
        report.add(*self._judge.undone(before, self._stage.fingerprint()))
        again = "upgrade_differs" if report.findings else "upgrade_failed"
        if not report.up(again, lambda: session.upgrade_one(revision.id).seconds):
            return False, report.proof()
        self._before = second = self._stage.fingerprint()
        differing = self._judge.repeated(first, second)
        report.add(differing)
        return not differing, report.proof()
