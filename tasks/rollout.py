"""Pending revisions on all members of a fleet, stage by stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.cli.task import task

if TYPE_CHECKING:
    from aegisdb.results import Result
    from aegisdb.workspace import Workspace

_ID = {"id": "Id of the rollout, as rollout.start printed it."}
_SKIP = {
    "skip": "Leave out members that cannot be reached or migrated, instead of beginning nothing.",
    "accept": "Codes of findings that do not stop it, such as missing-downgrade.",
}
_ENGINE = {
    "engine": "What takes the turns: dask:local:N (N workers started here) or dask:tcp://HOST:PORT; otherwise threads."
}
_EVENTS = {"events": "File, or pipe, that gets a JSON line for each turn and stage as it begins and ends."}
_PHASE = {"phase": "expand: what old code bears; contracts wait in every member for another rollout."}


@task(help={"accept": _SKIP["accept"], **_PHASE}, choices={"phase": ("expand",)}, fleet=True)
def plan(ws: Workspace, phase: str = "", accept: str = "", timeout: float = 0) -> Result:
    """Look at every member of a fleet, and rehearse what is pending once for each group of equal members.

    Example:
        invoke rollout.plan --fleet tenants
    """
    from aegisdb.workflows.rollout.plan import plan as workflow

    return workflow(ws, phase=phase, accept=accept, timeout=timeout)


@task(help={**_SKIP, **_PHASE, **_ENGINE, **_EVENTS}, choices={"phase": ("expand",)}, writes=True, fleet=True)
def start(
    ws: Workspace,
    phase: str = "",
    accept: str = "",
    skip: bool = False,
    dry_run: bool = False,
    engine: str = "",
    events: str = "",
) -> Result:
    """Apply what is pending to all members of a fleet, stage by stage, after a look at every one of them.

    Example:
        invoke rollout.start --fleet tenants --dry-run
        invoke rollout.start --fleet tenants
        invoke rollout.start --fleet tenants --phase expand
        invoke rollout.start --fleet tenants --events rollout.jsonl
    """
    from aegisdb.workflows.rollout.start import start as workflow

    return workflow(ws, phase=phase, accept=accept, skip=skip, dry_run=dry_run, engine=engine, events=events)


@task(positional=("id",), help={**_ID, **_SKIP, **_ENGINE, **_EVENTS}, writes=True, heading="")
def resume(
    ws: Workspace,
    id: str,
    accept: str = "",
    skip: bool = False,
    dry_run: bool = False,
    engine: str = "",
    events: str = "",
) -> Result:
    """Go on with a rollout that stopped, waits, or died; members that are done are left alone.

    Example:
        invoke rollout.resume 20261129-184500-1f2e
    """
    from aegisdb.workflows.rollout.start import resume as workflow

    return workflow(ws, id, accept=accept, skip=skip, dry_run=dry_run, engine=engine, events=events)


@task(positional=("id",), help=_ID, heading="")
def status(ws: Workspace, id: str) -> Result:
    """Ask every member how far it is in a rollout.

    Example:
        invoke rollout.status 20261129-184500-1f2e
    """
    from aegisdb.workflows.rollout.status import status as workflow

    return workflow(ws, id)


@task(
    positional=("id",),
    help={**_ID, "confirm": "The id once more: what is shown as lost may be lost.", **_EVENTS},
    writes=True,
    heading="",
)
def revert(ws: Workspace, id: str, confirm: str = "", dry_run: bool = False, events: str = "") -> Result:
    """Revert exactly what a rollout applied, on the members where it did, the newest revision first.

    Example:
        invoke rollout.revert 20261129-184500-1f2e --dry-run
    """
    from aegisdb.workflows.rollout.revert import revert as workflow

    return workflow(ws, id, confirm=confirm, dry_run=dry_run, events=events)


@task(positional=("id",), help=_ID, heading="")
def stop(ws: Workspace, id: str) -> Result:
    """Let a rollout begin with no other member, whoever works on it, on whatever machine; those that have begun end.

    Example:
        invoke rollout.stop 20261129-184500-1f2e
    """
    from aegisdb.workflows.rollout.stop import stop as workflow

    return workflow(ws, id)


@task(
    positional=("id",),
    help={**_ID, "output": "File to write: .html, .xml (JUnit) or .json; otherwise .aegisdb/rollout-ID.html."},
    heading="",
)
def report(ws: Workspace, id: str, output: str = "") -> Result:
    """Write how far every member is: a page with a picture of the stages, JUnit with a case a member, or JSON.

    Example:
        invoke rollout.report 20261129-184500-1f2e --output rollout.xml
    """
    from aegisdb.output import console
    from aegisdb.output.page import write_page
    from aegisdb.workflows.rollout_report import report as workflow

    return workflow(ws, id, output=output, write_page=write_page, mask=console.mask)
