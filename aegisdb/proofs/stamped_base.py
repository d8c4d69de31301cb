"""The proof of revisions that a base was stamped with: they cannot be built forward, so it goes down from the stamp.

Each is taken down, up and down again. What the upgrade makes must be what was there, and the second downgrade must
leave what the first one left. A revision that does not go down hides all below it: nothing else leads there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.proofs.collector import Report, not_reached

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.fingerprint import Fingerprint
    from aegisdb.proofs.judgement import Judge
    from aegisdb.proofs.proof_databases import Stage
    from aegisdb.proofs.revision_proof import RevisionProof
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision


def prove_descending(
    stage: Stage, history: History, judge: Judge, given: frozenset[str], scope: frozenset[str]
) -> Iterator[RevisionProof]:
    """Prove those of `given` that are in `scope`, newest first; `stage` stands where all of `given` is applied."""
    lowest = history.descendants(scope)
    todo = [revision for revision in reversed(history.ordered()) if revision.id in given & lowest]
    walk = _Walk(stage, history, judge)
    blocked = suspect = ""
    for revision in todo:
        wanted = revision.id in scope
        if blocked:
            proof = not_reached(history, revision, f"{blocked}, and `base:` is newer than this")
        else:
            proof = walk.prove(revision, judged=wanted)
            blocked = "" if walk.went_down else f"{revision.id} above it does not go down"
        if proof.findings and suspect:
            note = f"what {suspect} above it left behind may be the reason"
            proof = replace(proof, notes=(*proof.notes, note))
        suspect = suspect or (revision.id if proof.findings else "")
        if wanted:
            yield proof


class _Walk:
    def __init__(self, stage: Stage, history: History, judge: Judge) -> None:
        self._stage = stage
        self._history = history
        self._judge = judge
        self._upper: Fingerprint | None = None
        self.went_down = True

    def prove(self, revision: Revision, *, judged: bool) -> RevisionProof:
        """Take one revision down; when it is judged, also up and down again."""
        report = Report(self._history, revision)
        if revision.one_way is not None:
            self.went_down = False
            report.notes.append(f"one way: {revision.one_way}")
            return report.proof("one way")
        upper = self._upper or self._stage.fingerprint()
        self.went_down = self._down(report, revision)
        if self.went_down:
            self._upper = self._stage.fingerprint()
            if judged:
                self._again(report, revision, upper, self._upper)
        return report.proof()

    def _again(self, report: Report, revision: Revision, upper: Fingerprint, lower: Fingerprint) -> None:
        session = self._stage.session
        changes = self._judge.changes(upper, lower)
        report.objects = len(changes)
        report.add(*self._judge.blast_radius(changes, upper, lower))
        if not report.up("upgrade_failed", lambda: session.upgrade_one(revision.id).seconds):
            return
        report.add(self._judge.repeated(upper, self._stage.fingerprint(undone=True)))
        self.went_down = self._down(report, revision)
        if self.went_down:
            self._upper = self._stage.fingerprint()
            report.add(*self._judge.undone(lower, self._upper))

    def _down(self, report: Report, revision: Revision) -> bool:
        return report.down(lambda: self._stage.session.downgrade_one(revision.id).seconds)
