"""Alembic histories of all services: apply, revert, look, make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.cli.task import task

from .files import lint, new, rebase  # noqa: F401  tasks of this collection
from .proofs import compat, plan, roundtrip, verify  # noqa: F401

if TYPE_CHECKING:
    from aegisdb.results import Result
    from aegisdb.workspace import Workspace


@task(
    help={
        "accept": "Codes of findings that do not stop the run, such as missing-downgrade,tampered.",
        "phase": "expand: what old code bears; contracts wait, and what comes after them or needs them.",
    },
    choices={"phase": ("expand",)},
    writes=True,
)
def apply(
    ws: Workspace,
    service: str = "",
    to: str = "",
    phase: str = "",
    accept: str = "",
    dry_run: bool = False,
    timeout: float = 0,
) -> Result:
    """Apply pending revisions of all services in order, each in a transaction of its own.

    Example:
        invoke migrate.apply --service identity
    """
    ws.prefetch()
    from aegisdb.workflows.migrate import apply as workflow

    return workflow.apply(ws, service=service, to=to, phase=phase, accept=accept, dry_run=dry_run, timeout=timeout)


@task(fleet=True)
def status(ws: Workspace, service: str = "", check: bool = False) -> Result:
    """Show what is applied, what is head and what is pending, for all services.

    Example:
        invoke migrate.status --check
        invoke migrate.status --fleet tenants --match region=eu
    """
    if ws.fleet:
        from aegisdb.workflows.migrate.fleet_status import fleet_status

        return fleet_status(ws, service=service, check=check)
    ws.prefetch()
    from aegisdb.workflows.migrate import status as workflow

    return workflow.status(ws, service=service, check=check)


@task(
    writes=True,
    warm=True,
    help={"from_journal": "Revert what was applied from another branch, using the sources in the journal."},
)
def rollback(
    ws: Workspace,
    service: str,
    steps: int = 1,
    to: str = "",
    from_journal: bool = False,
    dry_run: bool = False,
    yes: bool = False,
) -> Result:
    """Revert revisions of a service, after saying which tables and how many rows that loses.

    Example:
        invoke migrate.rollback --service identity --dry-run
    """
    from aegisdb.workflows.migrate import rollback as workflow

    return workflow.rollback(ws, service, steps=steps, to=to, from_journal=from_journal, dry_run=dry_run, yes=yes)


@task(writes=True, warm=True)
def reapply(
    ws: Workspace, service: str, steps: int = 1, to: str = "", dry_run: bool = False, yes: bool = False
) -> Result:
    """Revert revisions of a service and apply them again.

    Example:
        invoke migrate.reapply --service identity
    """
    from aegisdb.workflows.migrate import rollback as workflow

    return workflow.reapply(ws, service, steps=steps, to=to, dry_run=dry_run, yes=yes)


@task()
def history(ws: Workspace, service: str = "") -> Result:
    """Show the revision tree of each service, and where the database is in it.

    Example:
        invoke migrate.history --service identity
    """
    from aegisdb.workflows.migrate import history as workflow

    return workflow.history(ws, service=service)


@task(
    help={
        "from_": "Revision to start from, without a look at the database (base: before the first one).",
        "down": "Revert: the last revision, or everything above --to.",
        "prove": "Run it by psql on a copy first: it must give the schema that the revisions give.",
    },
    heading="-- {target}",
)
def sql(ws: Workspace, service: str, from_: str = "", to: str = "", down: bool = False, prove: bool = False) -> Result:
    """Print the SQL of a service's pending revisions, starting from where the database is; psql can run it.

    Example:
        invoke migrate.sql --service identity > identity.sql
    """
    from aegisdb.workflows.migrate import sql as workflow

    return workflow.sql(ws, service, to=to, start=from_, down=down, prove=prove)


@task(help={"revision": "Revision to mark as applied.", "force": "Do not compare the schema first."}, writes=True)
def stamp(
    ws: Workspace, service: str, revision: str = "head", force: bool = False, dry_run: bool = False, yes: bool = False
) -> Result:
    """Mark revisions as applied without running them, if the live schema equals what they build.

    Example:
        invoke migrate.stamp --service identity --revision head
    """
    from aegisdb.workflows.migrate import stamp as workflow

    return workflow.stamp(ws, service, revision, force=force, dry_run=dry_run, yes=yes)


@task(help={"output": "File to write: .svg, or .mmd and .md for Mermaid."})
def graph(ws: Workspace, service: str = "", output: str = "") -> Result:
    """Draw all histories and where the database is.

    Example:
        invoke migrate.graph --output docs/histories.svg
    """
    from aegisdb.workflows import pictures as workflow

    return workflow.graph(ws, service=service, output=output)


@task(
    help={
        "applied": "The step was finished by hand: it counts as done.",
        "rolled_back": "What it had committed was undone by hand: it counts as never started.",
        "force": "Do not compare the schema with the decision first.",
    },
    writes=True,
)
def resolve(
    ws: Workspace,
    service: str,
    applied: bool = False,
    rolled_back: bool = False,
    force: bool = False,
    dry_run: bool = False,
    yes: bool = False,
) -> Result:
    """Decide about a revision that died half-way, so that runs go on; its INVALID indexes are rebuilt or dropped.

    Example:
        invoke migrate.resolve --service identity --rolled-back
    """
    from aegisdb.workflows.migrate import resolve as workflow

    said = {"applied": applied, "rolled_back": rolled_back, "force": force}
    return workflow.resolve(ws, service, **said, dry_run=dry_run, yes=yes)


@task(
    heading="# {target}",
    help={
        "last": "The last N entries.",
        "runs": "Also show runs that ended well.",
        "show": "Print the source of this revision as it ran.",
        "output": "With --show: write the source to this new file.",
    },
    fleet=True,
)
def log(
    ws: Workspace, service: str = "", last: int = 30, runs: bool = False, show: str = "", output: str = ""
) -> Result:
    """Show the journal: what was applied, reverted, stamped and resolved, when, by whom; or the source that ran.

    Example:
        invoke migrate.log --service identity --last 5
        invoke migrate.log --fleet tenants --last 3
    """
    if ws.fleet:
        from aegisdb.workflows.migrate.fleet_log import fleet_log

        return fleet_log(ws, service=service, last=last, runs=runs, show=show)
    from aegisdb.workflows.migrate import log as workflow

    return workflow.look(ws, service=service, last=last, runs=runs, show=show, output=output)
