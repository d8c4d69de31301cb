"""The services of services.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks._cli import task

if TYPE_CHECKING:
    from aegisdb.results import Result
    from aegisdb.workspace import Workspace


@task()
def list_(ws: Workspace) -> Result:
    """List the services, what they own and how they seed; contacts nothing.

    Example:
        invoke service.list
    """
    from aegisdb.workflows.service_list import service_list

    return service_list(ws)
