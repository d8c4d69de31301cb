"""What is wrong here, and how to fix it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.cli.task import task

if TYPE_CHECKING:
    from aegisdb.results import Result
    from aegisdb.workspace import Workspace


@task(help={"fix": "Fix what can be fixed without losing anything, and look again."}, writes=True, fleet=True)
def doctor(ws: Workspace, fix: bool = False) -> Result:
    """Look for everything that is known to go wrong; each finding has its cause and the command that fixes it.

    Example:
        invoke doctor --fix
        invoke doctor --fleet tenants
    """
    if ws.fleet:
        from aegisdb.doctor.fleet import fleet_doctor

        return fleet_doctor(ws, fix=fix)
    from aegisdb.doctor import diagnosis as workflow

    return workflow.doctor(ws, fix=fix)
