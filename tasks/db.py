"""The target's server and database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks._cli import task

if TYPE_CHECKING:
    from aegisdb.results import Result
    from aegisdb.workspace import Workspace


@task()
def up(ws: Workspace) -> Result:
    """Start the target's server and wait until it answers; does nothing when it runs.

    Example:
        invoke db.up --target docker
    """
    from aegisdb.workflows import up as workflow

    return workflow.up(ws)


@task(writes=True, help={"volumes": "Delete all of its data too, for good: every database and snapshot."})
def down(ws: Workspace, volumes: bool = False, yes: bool = False) -> Result:
    """Stop the target's server.

    Example:
        invoke db.down
    """
    from aegisdb.workflows import down as workflow

    return workflow.down(ws, volumes=volumes, yes=yes)


@task(help={"timeout": "Seconds to wait at most."})
def wait(ws: Workspace, timeout: float = 60.0) -> Result:
    """Wait until the target's database accepts a login; starts nothing.

    Example:
        invoke db.wait --target staging --timeout 120
    """
    from aegisdb.workflows import up as workflow

    return workflow.wait(ws, timeout=timeout)
