"""Alembic histories of all services: apply, revert, look, make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.cli.task import task

from .files import lint, new, rebase  # noqa: F401  tasks of this collection

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
    help={
        "pending": "Only what is not applied to the target's database.",
        "all": "Every revision.",
        "last": "The last N revisions of each service.",
        "with_data": "Also on the rows of the released state (the merge base, with its seeds), and count them.",
        "engine": "What proves them: dask:local:N (N workers started here) or dask:tcp://HOST:PORT; otherwise threads.",
        "shard": "Only the services of this part, as I/N, counted from 0; report.merge puts the reports together.",
    },
    warm=True,
)
def roundtrip(
    ws: Workspace,
    service: str = "",
    pending: bool = False,
    all: bool = False,
    last: int = 0,
    with_data: bool = False,
    engine: str = "",
    shard: str = "",
) -> Result:
    """Prove on scratch databases that revisions apply, revert without a trace, apply again, and touch only their own.

    Example:
        invoke migrate.roundtrip --all --with-data
        invoke migrate.roundtrip --all --engine dask:local:2
    """
    from aegisdb.workflows.migrate.roundtrip import roundtrip as workflow

    chosen = {"service": service, "engine": engine, "shard": shard}
    return workflow(ws, pending=pending, all=all, last=last, with_data=with_data, only=None, again=True, **chosen)


@task(
    help={
        "against": "The commit, branch or tag that is deployed; otherwise the merge base.",
        "service": "Only the new revisions of this service; the models of all are tried.",
        "run": "Also run a command of the old tree on the new schema, with DATABASE_URL.",
    },
    warm=True,
)
def compat(ws: Workspace, against: str = "", service: str = "", run: str = "") -> Result:
    """Try the deployed models on the schema of the new revisions, and name what old code can no longer read or write.

    Example:
        invoke migrate.compat --against origin/main
    """
    from aegisdb.workflows.migrate.compat import compat as workflow

    return workflow(ws, against=against, service=service, run=run)


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


@task(help={"empty": "Rehearse without rows: on an empty database at the applied revisions instead of a copy."})
def plan(ws: Workspace, service: str = "", to: str = "", empty: bool = False, timeout: float = 0) -> Result:
    """Rehearse pending revisions on a copy of the database: statements, time, locks, rewrites, scans.

    Example:
        invoke migrate.plan --service identity
    """
    from aegisdb.workflows.migrate.plan import plan as workflow

    return workflow(ws, service=service, to=to, empty=empty, timeout=timeout)


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


@task(
    warm=True,
    fleet=True,
    help={"shard": "Only this part of the members, or without --fleet of the services, as I/N, counted from 0."},
)
def verify(ws: Workspace, service: str = "", shard: str = "") -> Result:
    """Compare models, histories and the live schema of all services; only reads. Exit 6 on any difference.

    Example:
        invoke migrate.verify --format json
        invoke migrate.verify --fleet tenants
    """
    if ws.fleet:
        from aegisdb.workflows.migrate.fleet_verify import fleet_verify

        return fleet_verify(ws, service=service)
    from aegisdb.workflows.migrate.verify import verify as workflow

    return workflow(ws, service=service, shard=shard)


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
