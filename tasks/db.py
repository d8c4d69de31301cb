"""The target's server and database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.cli.task import task

if TYPE_CHECKING:
    from aegisdb.results import Result
    from aegisdb.workspace import Workspace


@task()
def up(ws: Workspace) -> Result:
    """Start the target's server and wait until it answers; does nothing if it runs already.

    Example:
        invoke db.up --target docker
    """
    from aegisdb.workflows.db import up as workflow

    return workflow.up(ws)


@task(writes=True, help={"volumes": "Also delete all of its data for good: every database and snapshot."})
def down(ws: Workspace, volumes: bool = False, dry_run: bool = False, yes: bool = False) -> Result:
    """Stop the target's server.

    Example:
        invoke db.down
        invoke db.down --volumes --dry-run
    """
    from aegisdb.workflows.db import down as workflow

    return workflow.plan_down(ws, volumes=volumes) if dry_run else workflow.down(ws, volumes=volumes, yes=yes)


@task(help={"timeout": "Longest wait, in seconds."})
def wait(ws: Workspace, timeout: float = 60.0) -> Result:
    """Wait until the target's database accepts a login; starts nothing.

    Example:
        invoke db.wait --target staging --timeout 120
    """
    from aegisdb.workflows.db import up as workflow

    return workflow.wait(ws, timeout=timeout)


@task(
    help={
        "volumes": "Destroy the whole server and make it anew; keeps nothing.",
        "no_seed": "Stop after the migrations.",
        "no_cache": "Build from nothing instead of cloning a template.",
        "disconnect": "End the sessions that others have on the database.",
        "without": "Services to leave out, separated by commas.",
    },
    writes=True,
)
def reset(
    ws: Workspace,
    volumes: bool = False,
    no_seed: bool = False,
    no_cache: bool = False,
    disconnect: bool = False,
    without: str = "",
    dry_run: bool = False,
    yes: bool = False,
) -> Result:
    """Replace the database by a fresh one: base schema, deploy files, migrations, seeds.

    The old database is kept as snapshot before-reset.

    Example:
        invoke db.reset
        invoke db.reset --volumes --yes
        invoke db.reset --without billing,reports
    """
    ws.prefetch("postgres", by_password=True)
    ws.prefetch()
    from aegisdb.workflows.db import reset as workflow

    how: Any = {"volumes": volumes, "no_seed": no_seed, "yes": yes, "without": without}
    more: Any = {"no_cache": no_cache, "disconnect": disconnect}
    return workflow.plan_reset(ws, **how) if dry_run else workflow.reset(ws, **how, **more)


@task(help={"no_seed": "Run no seeds."}, writes=True)
def prepare(ws: Workspace, no_seed: bool = False, dry_run: bool = False) -> Result:
    """Make the database if there is none, else bring it up to date; replaces nothing and can be run at any time.

    Example:
        invoke db.prepare
    """
    from aegisdb.workflows.db import prepare as workflow

    return workflow.plan_prepare(ws, no_seed=no_seed) if dry_run else workflow.prepare(ws, no_seed=no_seed)


@task(fleet=True)
def status(ws: Workspace) -> Result:
    """Show server, extensions, graphs, triggers, and whether the database may be destroyed.

    Example:
        invoke db.status
        invoke db.status --fleet tenants
    """
    if ws.fleet:
        from aegisdb.workflows.db.fleet_status import fleet_db_status

        return fleet_db_status(ws)
    from aegisdb.workflows.db.status import db_status

    return db_status(ws)


@task()
def verify(ws: Workspace) -> Result:
    """Check that the base schema is intact, and that the audit trail really refuses to be changed.

    Each trial is rolled back.

    Example:
        invoke db.verify
    """
    from aegisdb.workflows.db.verify import base_verify

    return base_verify(ws)


@task(help={"safe": "Print *** instead of the password."}, heading="", raw=True)
def url(ws: Workspace, safe: bool = False) -> Result:
    """Print the database's URL, password included, for any client.

    Example:
        psql "$(invoke db.url)"
    """
    from aegisdb.workflows.db import url as workflow

    return workflow.url(ws, safe=safe)


@task(
    help={"safe": "Print *** instead of the password.", "format": "Output: text (lines for a shell), dotenv or json."},
    raw=True,
    formats=("dotenv",),
)
def env(ws: Workspace, safe: bool = False, format: str = "text") -> Result:
    """Print the variables that lead a shell, an application or plain `alembic` to the database, password included.

    Example:
        eval "$(invoke db.env)"
        invoke db.env --format dotenv
    """
    from aegisdb.workflows.db import env as workflow

    return workflow.env(ws, safe=safe, form=format)


@task(
    help={
        "seeds": "With the seeds.",
        "drop": "Drop this one (name or URL) instead, and end the sessions on it.",
        "safe": "Print *** instead of the password.",
    },
    raw=True,
)
def clone(ws: Workspace, seeds: bool = False, drop: str = "", safe: bool = False) -> Result:
    """Make a fresh database at head for your own use and print its URL; it stays until it is dropped.

    Example:
        url=$(invoke db.clone --seeds)
        invoke db.clone --drop "$url"
    """
    from aegisdb.workflows.db import clone as workflow

    return workflow.drop_clone(ws, drop) if drop else workflow.clone(ws, seeds=seeds, safe=safe)


@task(heading="", raw=True)
def shell(ws: Workspace) -> Result:
    """Open psql on the database.

    Example:
        invoke db.shell
    """
    from aegisdb.workflows.db import shell as workflow

    workflow.shell(ws)


@task(
    positional=("name",),
    help={"name": "Name of the snapshot.", "disconnect": "End the sessions that others have on the database."},
    writes=True,
)
def snapshot(ws: Workspace, name: str, disconnect: bool = False, dry_run: bool = False) -> Result:
    """Keep a copy of the database under a name.

    Example:
        invoke db.snapshot before-experiment --dry-run
        invoke db.snapshot before-experiment
    """
    from aegisdb.workflows.db import snapshots as workflow

    return workflow.snapshot(ws, name, disconnect=disconnect, dry_run=dry_run)


@task(
    positional=("name",),
    help={"name": "Name of the snapshot.", "disconnect": "End the sessions that others have on the database."},
    writes=True,
)
def restore(ws: Workspace, name: str, disconnect: bool = False, dry_run: bool = False, yes: bool = False) -> Result:
    """Replace the database by a snapshot; the old database is kept as before-restore.

    Example:
        invoke db.restore before-experiment
    """
    from aegisdb.workflows.db import snapshots as workflow

    return workflow.restore(ws, name, disconnect=disconnect, dry_run=dry_run, yes=yes)


@task()
def snapshots(ws: Workspace) -> Result:
    """List the snapshots of the database.

    Example:
        invoke db.snapshots
    """
    from aegisdb.workflows.db import snapshots as workflow

    return workflow.list_snapshots(ws)


@task(positional=("name",), help={"name": "Name of the snapshot."}, writes=True)
def drop_snapshot(ws: Workspace, name: str, dry_run: bool = False) -> Result:
    """Drop a snapshot for good.

    Example:
        invoke db.drop-snapshot before-experiment
    """
    from aegisdb.workflows.db import snapshots as workflow

    return workflow.drop_snapshot(ws, name, dry_run=dry_run)


@task(positional=("branch",), help={"branch": "Git branch; otherwise the one that is checked out."}, writes=True)
def switch(ws: Workspace, branch: str = "", dry_run: bool = False) -> Result:
    """Put the branch's own database in place and park the current one; each is a rename.

    Example:
        git switch feature && invoke db.switch
    """
    ws.prefetch("postgres")
    ws.prefetch()
    from aegisdb.workflows.db import branches as workflow

    return workflow.switch(ws, branch, dry_run=dry_run)


@task(help={"drop": "Drop the parked database of this branch."})
def branches(ws: Workspace, drop: str = "") -> Result:
    """List the databases of git branches, with their size, their revisions and when they were parked.

    Example:
        invoke db.branches
    """
    from aegisdb.workflows.db import branches as workflow

    return workflow.branches(ws, drop=drop)


@task(help={"output": "File to write: .svg, or .mmd and .md for Mermaid."})
def diagram(ws: Workspace, output: str = "") -> Result:
    """Draw tables, foreign keys and graph labels, coloured by owner.

    Example:
        invoke db.diagram --output docs/schema.svg
    """
    from aegisdb.workflows import pictures as workflow

    return workflow.diagram(ws, output=output)


@task(help={"drop": "Drop what is listed; the next reset builds from nothing."})
def cache(ws: Workspace, drop: bool = False) -> Result:
    """List what is kept to make resets quick: templates, and spare copies for the next resets.

    Example:
        invoke db.cache --drop
    """
    from aegisdb.workflows.db import cache as workflow

    return workflow.cache(ws, drop=drop)
