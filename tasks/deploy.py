"""Standalone SQL files for databases that already exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.cli.task import task

if TYPE_CHECKING:
    from aegisdb.results import Result
    from aegisdb.workspace import Workspace


@task(help={"again": "Also run the files that are current."}, writes=True)
def apply(ws: Workspace, again: bool = False, dry_run: bool = False) -> Result:
    """Run the files that never ran here or have changed since, in name order, one transaction each.

    Example:
        invoke deploy.apply --target staging
    """
    from aegisdb.workflows.deploy.apply import deploy_apply

    return deploy_apply(ws, again=again, dry_run=dry_run)


@task()
def status(ws: Workspace, check: bool = False) -> Result:
    """List the files: never run, current, changed since their last run here, or missing.

    Example:
        invoke deploy.status --check
    """
    from aegisdb.workflows.deploy.status import deploy_status

    return deploy_status(ws, check=check)


@task()
def prove(ws: Workspace) -> Result:
    """Run every file twice on a clone; the second run must change neither schema nor rows.

    Example:
        invoke deploy.prove
    """
    from aegisdb.workflows.deploy.prove import deploy_prove

    return deploy_prove(ws)
