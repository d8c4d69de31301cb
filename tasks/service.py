"""The services of services.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.cli.task import task

if TYPE_CHECKING:
    from aegisdb.results import Result
    from aegisdb.workspace import Workspace


@task()
def list_(ws: Workspace) -> Result:
    """List the services, what they own and how they seed; contacts nothing.

    Example:
        invoke service.list
    """
    from aegisdb.workflows.service.list import service_list

    return service_list(ws)


@task(
    help={
        "name": "Name of the service: lower case letters, digits, - and _.",
        "runner": 'How to reach its own environment, e.g. "poetry run"; empty for this one.',
        "sync": "A synchronous env.py on psycopg instead of an asynchronous one on asyncpg.",
    },
    positional=("name",),
)
def add(ws: Workspace, name: str, runner: str = "", sync: bool = False, dry_run: bool = False) -> Result:
    """Write a new service with models and an Alembic history, and register it; contacts nothing.

    Example:
        invoke service.add billing
    """
    from aegisdb.workflows.service.add import service_add

    return service_add(ws, name, runner=runner, sync=sync, dry_run=dry_run)


@task(
    help={
        "path": "The service's directory.",
        "name": "Its name in services.yaml; otherwise the directory's name.",
        "runner": 'How to reach its own environment, e.g. "poetry run"; empty for this one.',
        "script_location": "`package:directory` of a history inside an installed package.",
        "schema": "A schema of its own, for a history that has the same version table as another one.",
    },
    positional=("path",),
)
def adopt(
    ws: Workspace,
    path: str,
    name: str = "",
    runner: str = "",
    script_location: str = "",
    schema: str = "",
    dry_run: bool = False,
) -> Result:
    """Register an existing Alembic history: finds its version table, tables and URL setting; contacts nothing.

    Example:
        invoke service.adopt services/legacy --dry-run
        invoke service.adopt services/tracking --script-location mlflow.store:db_migrations
    """
    from aegisdb.workflows.service.adopt import service_adopt

    return service_adopt(
        ws, path, name=name, runner=runner, script_location=script_location, schema=schema, dry_run=dry_run
    )


@task()
def owners(ws: Workspace) -> Result:
    """Tell which service owns each object of the database, and which are contested, missing or unowned.

    Example:
        invoke service.owners
    """
    from aegisdb.workflows.service.owners import owners as workflow

    return workflow(ws)


@task(help={"install": "Write the hook; other programs' lines in it stay.", "remove": "Take it out of the hook again."})
def hooks(ws: Workspace, install: bool = False, remove: bool = False) -> Result:
    """Let git put the database of a branch in place whenever it is checked out (post-checkout hook).

    Example:
        invoke service.hooks --install
    """
    from aegisdb.workflows.service.hooks import hooks as workflow

    return workflow(ws, install=install, remove=remove)
