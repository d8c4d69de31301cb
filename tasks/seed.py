"""Steps that fill data: HTTP requests, Python modules, SQL files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.cli.task import task

if TYPE_CHECKING:
    from aegisdb.results import Result
    from aegisdb.workspace import Workspace


@task(writes=True)
def run(ws: Workspace, service: str = "", dry_run: bool = False) -> Result:
    """Run the seeds in order and check that their tables hold rows; refused while revisions are pending.

    Example:
        invoke seed.run --service orchestration-engine
    """
    from aegisdb.workflows.seed.run import seed_run

    return seed_run(ws, service=service, dry_run=dry_run)


@task()
def list_(ws: Workspace, service: str = "") -> Result:
    """List the seeds: never run, current, or changed since their last run here.

    Example:
        invoke seed.list
    """
    from aegisdb.workflows.seed.list import seed_list

    return seed_list(ws, service=service)


@task()
def prove(ws: Workspace, service: str = "") -> Result:
    """Run every seed twice on a clone; the second run must change neither schema nor rows.

    Example:
        invoke seed.prove
    """
    from aegisdb.workflows.seed.prove import seed_prove

    return seed_prove(ws, service=service)
