"""What a contract takes away is refused while deployed code reads or writes it: its models are tried before and after.

On a disposable database nobody's code runs unless `deployed:` says so. On any other one that says nothing about it, a
contract is refused, too: that nobody is known is not that there is nobody.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError, Interrupted, Problem, UsageError
from aegisdb.members.choice import SEPARATOR
from aegisdb.revisions.phases import contracts, expanding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from aegisdb.compat.deployed import Deployed
    from aegisdb.compat.trial import Trial
    from aegisdb.revisions.history import History
    from aegisdb.revisions.sequence import Step, Steps
    from aegisdb.workflows.migrate.pending import ApplyPlan
    from aegisdb.workspace import Workspace

CODE, UNCHECKED = "contract", "not_checked"
_WAIT = "deploy code that does not need it and apply again, or invoke migrate.apply --phase expand until then"
_NOT_TRIED = "whether deployed code needs it was not tried"
_SHOWN = 5


def unknown(ws: Workspace, plan: ApplyPlan) -> Iterator[Problem]:
    """Find contracts where services.yaml does not say which code runs against the target."""
    if ws.registry.target(ws.target).deployed is not None:
        return
    for history, revision in contracts(plan.todo):
        yield Problem(
            code=CODE,
            message=f"{history.service} {revision.id} is a contract, and nothing says which code runs on {ws.target}",
            where=f"{revision.path}:{revision.line}",
            hint=f"say it: `deployed:` of {_who(ws.target)} in services.yaml (AEGIS_DEPLOYED beside DATABASE_URL)",
        )


def needed(ws: Workspace, plan: ApplyPlan) -> Iterator[Problem]:
    """Find what code that is deployed needs of what these steps take away; what could not be tried counts as needed.

    Raises:
        Interrupted: by the person.
    """
    said = ws.registry.target(ws.target).deployed
    taking = [f"{history.service} {revision.id}" for history, revision in contracts(plan.todo)]
    if said is None or not taking:
        return
    names = ", ".join(taking)
    try:
        yield from _Trials(ws, plan, names).found(said)
    except Interrupted:
        raise
    except AegisError as error:
        yield _untried(ws, names, f"{_NOT_TRIED}: {error.message}", error.hint)


def _who(target: str) -> str:
    fleet, member, _ = target.partition(SEPARATOR)
    return f"fleet {fleet}" if member else f"target {target}"


class _Trials:
    """One trial for each commit that is deployed."""

    def __init__(self, ws: Workspace, plan: ApplyPlan, names: str) -> None:
        from aegisdb.building.buildable import without_unreadable
        from aegisdb.building.proof_target import proving
        from aegisdb.revisions.load import good_histories
        from aegisdb.revisions.order import service_order

        self._names = names
        self._root = ws.registry.root
        self._ws = proving(without_unreadable(ws).ws)
        histories = good_histories(self._ws.registry)
        self._histories = {name: histories[name] for name in service_order(self._ws.registry, histories)}
        applied = _applied(ws, self._histories)
        self._waiting = self._behind(applied)
        planned = {(history.service, revision.id) for history, steps in plan.todo for revision in steps}
        self._before = (applied | planned) - self._waiting
        self._after = applied | planned

    def _behind(self, applied: Collection[Step]) -> frozenset[Step]:
        """Every pending revision of any service that is a contract, comes after one, or needs one."""
        todo: list[Steps] = [
            (history, tuple(one for one in history.ordered() if (name, one.id) not in applied))
            for name, history in self._histories.items()
        ]
        return frozenset(one.step for one in expanding(self._ws.registry, self._histories, todo)[1])

    def found(self, said: str | tuple[str, ...]) -> Iterator[Problem]:
        """Find what stands in the way, and what was not looked at."""
        from aegisdb.compat.deployed import deployed

        for one in deployed(said, self._root, [*self._histories]):
            yield from self._once(one)

    def _once(self, code: Deployed) -> tuple[Problem, ...]:
        """What stands in the way with this code; members of a fleet at the same revisions ask the same."""
        kept = self._ws.kept
        key = code, self._before, self._after, self._names
        with kept.setdefault("lock of trials of contracts", threading.Lock()):
            found = kept.setdefault("trials of contracts", {})
            if key not in found:
                found[key] = tuple(self._of(code))
            made: tuple[Problem, ...] = found[key]
        return made

    def _of(self, code: Deployed) -> Iterator[Problem]:
        from aegisdb.compat.trial import OldCodeTrial
        from aegisdb.proofs.released_state import Missing, released_state

        try:
            there = released_state(self._ws, self._histories, against=code.ref, without=self._waiting)
        except UsageError:
            hint = "fetch it, or correct `deployed:` of the target in services.yaml"
            yield self._untried(f"git does not know {code.ref!r}, which is deployed", hint)
            return
        if isinstance(there, Missing):
            yield self._untried(f"{_NOT_TRIED}: {there.why}", "")
            return
        trial = OldCodeTrial(
            self._ws, there, [*self._histories.values()],
            before=self._before, after=self._after, services=code.services,
        ).run()  # fmt: skip
        yield from self._told(trial, there.against)

    def _told(self, trial: Trial, against: str) -> Iterator[Problem]:
        if trial.failed is not None:
            why = f"it does not apply to the rows of {against}: {trial.failed.message}"
            yield self._untried(why, trial.failed.hint)
        for service in trial.services:
            for one in service.breaks:
                message = f"{self._names}: takes away what {against} needs: {one}"
                yield Problem(code=CODE, message=message, where=one.where, hint=_WAIT)
            if service.error:
                yield self._untried(f"{service.service} at {against} was not tried: {service.error}", "")
        yield from self._not_looked_at(trial, against)

    def _untried(self, why: str, hint: str) -> Problem:
        return _untried(self._ws, self._names, why, hint)

    def _not_looked_at(self, trial: Trial, against: str) -> Iterator[Problem]:
        """What names the changed tables and was not tried is told; it stops nothing."""
        from aegisdb.fingerprint.keys import parse, relation_name

        tables = {relation_name(c.relation).name if c.relation else parse(c.object).name for c in trial.changes}
        found = [one for one in trial.raw_sql if one.why.startswith("not checked")]
        for service in trial.services:
            found += [one for one in service.unsettled if tables & {*one.subject.split(".")}]
        for one in found[:_SHOWN]:
            yield Problem(code=UNCHECKED, message=f"at {against}: {one}", where=one.where)
        if len(found) > _SHOWN:
            yield Problem(code=UNCHECKED, message=f"and {len(found) - _SHOWN} more", where=against)


def _applied(ws: Workspace, histories: Mapping[str, History]) -> frozenset[Step]:
    from aegisdb.applied.version_tables import read_versions

    with ws.short_session() as conn:
        rows = read_versions(conn, histories.values())
    return frozenset((name, one) for name, history in histories.items() for one in history.ancestors(rows[name]))


def _untried(ws: Workspace, names: str, why: str, hint: str) -> Problem:
    return Problem(code=CODE, message=f"{names}: {why}", hint=hint or _WAIT, where=ws.registry.path.name)
