"""Alembic histories of all services: apply, revert, look, make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks._cli import task

if TYPE_CHECKING:
    from aegisdb.results import Result
    from aegisdb.workspace import Workspace


@task(help={"timeout": "Seconds that one revision may take (0: no limit)."}, writes=True)
def apply(ws: Workspace, service: str = "", to: str = "", plan: bool = False, timeout: float = 0) -> Result:
    """Apply pending revisions of all services in order, each in a transaction of its own.

    Example:
        invoke migrate.apply --service identity
    """
    from aegisdb.workflows import apply as workflow

    return workflow.apply(ws, service=service, to=to, plan=plan, timeout=timeout)


@task()
def status(ws: Workspace, service: str = "", check: bool = False) -> Result:
    """Show what is applied, what is head and what is pending, for all services.

    Example:
        invoke migrate.status --check
    """
    from aegisdb.workflows import status as workflow

    return workflow.status(ws, service=service, check=check)
