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

from aegisdb import python_source
from aegisdb.errors import AegisError, Interrupted, Unreachable
from aegisdb.proofs.collector import Report, describe, fault, not_reached, of_error
from aegisdb.proofs.proof_databases import Ground, GroundBroken, Stage, Watch
from aegisdb.proofs.stamped_base import prove_descending
from aegisdb.revisions.downgrades import downgrade_of, may_commit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aegisdb.fingerprint import Fingerprint
    from aegisdb.proofs.judgement import Judge
    from aegisdb.proofs.revision_proof import RevisionProof
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision
    from aegisdb.runtime.step_results import Loaded
    from aegisdb.workspace import Workspace

NO_DOWNGRADE = fault("downgrade_failed", "the file has no downgrade()")
_POLICY = "no downgrades here by policy: `one_way: true` in services.yaml"
_ALONE = "it applies only in one run with the revisions below it: a database that stops there cannot go on"


class ServiceProver:
    """Proves revisions of one service, in order."""

    def __init__(
        self,
        ws: Workspace,
        history: History,
        needs: Mapping[str, tuple[str, ...]],
        base: str,
        judge: Judge,
        watch: Watch,
        *,
        alone: bool,
    ) -> None:
        """`needs`: as of `Ground`, where revisions of this very service count as made before what is proven.

        `alone`: nothing else is proven meanwhile, so that fingerprints may take a second processor.
        """
        self._history = history
        self._judge = judge
        self._ground = Ground(ws, history, needs, base, watch, alone=alone)
        stamp = ws.registry.services[history.service].stamp
        self._given = history.ancestors(history.resolve(stamp)) if stamp else frozenset()
        self._one_way = ws.registry.services[history.service].one_way
        self._below = history.ancestors(needs.get(history.service, ()))

    @property
    def loaded(self) -> Loaded | None:
        """What the service's process had imported, where a stage came to its end."""
        return self._ground.loaded

    def prove(self, scope: frozenset[str]) -> Iterator[RevisionProof]:
        """Prove each revision of the scope; a broken one is told, and the rest are proven all the same."""
        proofs = self._all(scope)
        if self._one_way and (first := next(proofs, None)) is not None:
            yield replace(first, notes=(_POLICY, *first.notes))
        yield from proofs

    def _all(self, scope: frozenset[str]) -> Iterator[RevisionProof]:
        wanted = self._history.ancestors(scope)
        todo = [revision for revision in self._history.ordered() if revision.id in wanted]
        try:
            with self._ground:
                if scope & self._given and self._one_way:
                    yield from (describe(self._history, r, "one way") for r in todo if r.id in scope & self._given)
                elif scope & self._given:
                    with self._ground.stage(single=len(scope) == 1) as stage:
                        found = list(prove_descending(stage, self._history, self._judge, self._given, scope))
                    yield from reversed(found)
                yield from self._ascend([r for r in todo if r.id not in self._given | self._below], scope)
        except GroundBroken as broken:
            yield from self._broken_ground([r for r in todo if r.id in scope], broken)

    def _broken_ground(self, todo: list[Revision], broken: GroundBroken) -> Iterator[RevisionProof]:
        """What this service starts on cannot be made: the first revision tells why, the others are not reached."""
        first, *rest = todo
        finding = of_error(broken.code, broken.error)
        yield replace(describe(self._history, first, "not reached"), findings=(finding,))
        for revision in rest:
            yield not_reached(self._history, revision, "what the service needs does not apply")

    def _ascend(self, todo: list[Revision], scope: frozenset[str]) -> Iterator[RevisionProof]:
        held: RevisionProof | None = None
        done, todo = self._begun(todo, scope)
        while todo or held:
            with self._ground.stage(single=len(scope) == 1) as stage:
                broken = self._forward(stage, done)
                if broken is not None and self._ground.renew():
                    continue
                if held is not None:
                    yield replace(held, notes=(*held.notes, _ALONE)) if broken is None else held
                climb = _Climb(stage, self._history, self._judge, one_way=self._one_way, fresh=not done)
                if broken is None:
                    if not done[self._ground.begun :] and todo[0].id not in scope:
                        stage.begin()
                    yield from climb.prove(todo, done, scope)
            if broken is not None:
                yield from self._unreached(todo, scope, *broken, told=held is not None)
                return
            held = climb.failed
            if held is not None and not climb.reverted:
                if self._ground.renew():
                    todo.insert(0, done.pop())
                    held = None
                    continue
                yield held
                yield from self._unreached(todo, scope, held.revision, None, told=True)
                return

    def _begun(self, todo: list[Revision], scope: frozenset[str]) -> tuple[list[Revision], list[Revision]]:
        """What is to be done, in two: revisions before the first of the scope that a template has, and the others."""
        first = next((at for at, revision in enumerate(todo) if revision.id in scope), 0)
        if not self._given:
            self._ground.begin(todo[:first])
        return todo[: self._ground.begun], todo[self._ground.begun :]

    def _forward(self, stage: Stage, done: list[Revision]) -> tuple[str, AegisError] | None:
        """Build the parent of what comes next in one run; the revision that does not go up, if any, and why."""
        for revision in done[self._ground.begun :]:
            try:
                stage.session.upgrade_one(revision.id)
            except (Interrupted, Unreachable):
                raise
            except AegisError as error:
                return revision.id, error
        return None

    def _unreached(
        self, todo: list[Revision], scope: frozenset[str], broken: str, error: AegisError | None, *, told: bool
    ) -> Iterator[RevisionProof]:
        """What is above a revision that does not go up; where nothing told why, the first of them does."""
        for revision in todo:
            if revision.id in scope:
                proof = not_reached(self._history, revision, f"{broken} below it does not apply")
                if not told and error is not None:
                    proof = replace(proof, findings=(of_error("below_failed", error),))
                    told = True
                yield proof


class _Climb:
    """One stage on the way up, as far as each revision leaves it as the next one's parent."""

    def __init__(self, stage: Stage, history: History, judge: Judge, *, one_way: bool, fresh: bool) -> None:
        """`fresh`: env.py has never run in the database."""
        self._stage = stage
        self._one_way = one_way
        self._history = history
        self._judge = judge
        self._before: Fingerprint | None = None
        self._fresh = fresh
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
        self._before, self._fresh = None, False
        self._climbed = report.up("upgrade_failed", lambda: self._stage.session.upgrade_one(revision.id).seconds)
        return self._climbed, None if self._climbed else report.proof()

    def _one(self, report: Report, revision: Revision) -> tuple[bool, RevisionProof]:
        """Whether the stage can be used on, and the proof."""
        session = self._stage.session
        bare, before = (self._before, self._before) if self._before else self._at_first()
        self._climbed = report.up("upgrade_failed", lambda: session.upgrade_one(revision.id).seconds)
        if not self._climbed:
            report.add(self._judge.named(revision, "upgrade"))
            return False, report.proof()
        self._before = first = self._stage.fingerprint()
        changes = self._judge.changes(bare, first)
        report.objects = len(changes)
        report.add(*self._judge.blast_radius(changes, bare, first))
        if revision.one_way is not None or self._one_way:
            report.notes += [f"one way: {revision.one_way}"] if revision.one_way is not None else []
            return True, report.proof("one way")
        return self._back_and_again(report, revision, before, first), report.proof()

    def _at_first(self) -> tuple[Fingerprint, Fingerprint]:
        """Read the database before env.py runs, whose changes are judged, and after: what it makes stays for good."""
        bare = self._stage.fingerprint()
        if not self._fresh:
            return bare, bare
        try:
            self._stage.session.current(leave=True)
        except (Interrupted, Unreachable):
            raise
        except AegisError:
            pass  # the upgrade meets it, and tells it
        return bare, self._stage.fingerprint()

    def _back_and_again(self, report: Report, revision: Revision, before: Fingerprint, first: Fingerprint) -> bool:
        """Take it down and up; whether the stage can be used on."""
        session, kind = self._stage.session, downgrade_of(python_source.parse(revision.source))
        if kind == "missing":
            report.add((NO_DOWNGRADE,))
            return True
        if not report.down(lambda: session.downgrade_one(revision.id).seconds):
            report.add(self._judge.named(revision, "downgrade"))
            return self._is_as_before(revision, first)
        self.reverted = self.reverted or kind != "empty"
        report.add(*self._judge.undone(before, first if kind == "empty" else self._stage.fingerprint(undone=True)))
        again = "upgrade_differs" if report.findings else "upgrade_failed"
        if not report.up(again, lambda: session.upgrade_one(revision.id).seconds):
            return kind == "empty" and self._is_as_before(revision, first) and self._stamped(revision)
        self._before = second = self._stage.fingerprint()
        differing = self._judge.repeated(first, second)
        report.add(differing)
        return not differing

    def _is_as_before(self, revision: Revision, first: Fingerprint) -> bool:
        """Whether a step that failed left nothing, so that the database stands where it stood."""
        if may_commit(revision.source):
            return False
        self.reverted = True  # what it did to this process stays
        return not self._judge.changes(first, self._stage.fingerprint())

    def _stamped(self, revision: Revision) -> bool:
        """Say again that it is applied: its downgrade ran nothing but the row of the version table."""
        session = self._stage.session
        session.stamp(self._history.after(session.current(), revision.id, up=True))
        return True
