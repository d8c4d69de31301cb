"""`migrate.compat`: whether the code that is deployed bears the new revisions, tried with its own models.

Everything runs on copies of the released state; the live database is not asked.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.building.buildable import needed_only, without_unreadable
from aegisdb.building.proof_target import proving
from aegisdb.compat.trial import OldCodeTrial, Trial
from aegisdb.errors import AegisError, Failed, Problem
from aegisdb.proofs.released_state import Missing, Released, released_state
from aegisdb.results import Result
from aegisdb.revisions.load import good_histories
from aegisdb.revisions.locate import alembic_settings
from aegisdb.revisions.order import service_order
from aegisdb.runtime.forkserver import warm_process

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from aegisdb.compat.command import CommandRun
    from aegisdb.compat.results import OldService, Unsettled
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace

_CODE = "compat"


class NoOldCode(Failed):
    """git has no commit to take old code from."""

    default_code = "no_released_state"


class OldCodeBroken(NoOldCode):
    """The commit is there, and its database cannot be built."""


@dataclass(frozen=True, kw_only=True)
class CompatResult(Result):
    """Each service as it was at `against`, on the schema that the new revisions make."""

    services: tuple[OldService, ...]
    against: str
    """The commit of the old code and its rows, in words."""
    revisions: tuple[str, ...]
    """What is new: service and revision."""
    raw_sql: tuple[Unsettled, ...] = ()
    """Texts of the old tree that nobody ran."""
    ran: CommandRun | None = None
    seconds: float


def compat(ws: Workspace, *, against: str = "", service: str = "", run: str = "") -> CompatResult:
    """Run the models of a commit, of all services, before and after the new revisions of today, or of one `service`.

    Exit 6 where old code cannot do any more, or does otherwise, what it did before.

    Raises:
        NoOldCode: git has no such state; OldCodeBroken: it cannot be built; UsageError: git does not know
        `against`; HistoryError: `service`, or one that it needs, cannot be read; Unreachable.
    """
    began = time.monotonic()
    if service:
        alembic_settings(ws.registry, service)
    warm_process(ws.registry)
    whole = proving(without_unreadable(ws).ws)
    whole.client.use_driver()
    released = released_state(whole, good_histories(whole.registry), against=against)
    if isinstance(released, Missing):
        kind = OldCodeBroken if released.broken else NoOldCode
        raise kind(
            f"there is no old code to try: {released.why}",
            hint="name the commit, branch or tag that is deployed: --against REF",
        )
    histories = _histories(ws, whole, service)
    new = _new(released, histories)
    trial = OldCodeTrial(whole, released, histories).run() if new else Trial()
    ran = _ran(whole, released, histories, run, service) if run else None
    return CompatResult(
        services=tuple(trial.services),
        against=released.against,
        revisions=new,
        raw_sql=trial.raw_sql,
        ran=ran,
        seconds=time.monotonic() - began,
        problems=tuple(_problems(trial, ran)),
    )


def _histories(ws: Workspace, whole: Workspace, service: str) -> list[History]:
    """The histories that go up, in the order in which services migrate."""
    registry = needed_only(ws, service).registry if service else whole.registry
    found = good_histories(registry)
    return [found[name] for name in service_order(registry, found)]


def _new(released: Released, histories: Iterable[History]) -> tuple[str, ...]:
    return tuple(
        f"{history.service} {revision.id}"
        for history in histories
        for revision in history.ordered()
        if (history.service, revision.id) in released.new
    )


def _ran(
    ws: Workspace, released: Released, histories: Sequence[History], command: str, service: str
) -> CommandRun | None:
    from aegisdb.compat.command import run_on_both

    return run_on_both(ws, released, histories, command, service)


def _problems(trial: Trial, ran: CommandRun | None) -> Iterator[Problem]:
    if trial.failed is not None:
        yield _as_difference(trial.failed)
    for service in trial.services:
        for one in service.breaks:
            yield Problem(code=_CODE, message=str(one), hint=one.steps, where=one.where)
    if ran is not None and ran.after and ran.before == 0:
        yield Problem(
            code=_CODE,
            message=f"{ran.command!r} ends with {ran.after} on the new schema, and went well on the old one",
            hint="its last lines are above; old code and new schema live side by side during a deploy",
        )


def _as_difference(error: AegisError) -> Problem:
    """A revision that old rows do not let pass is a finding here, as it is in a roundtrip."""
    return Problem(
        code=_CODE,
        message=f"a new revision does not apply to the released rows: {error.message}",
        hint=error.hint,
        where=error.where,
    )
