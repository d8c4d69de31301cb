"""A registry for a monorepo that has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.cli.task import task

if TYPE_CHECKING:
    from invoke.context import Context

    from aegisdb.results import Result


@task(workspace=False, help={"dry_run": "Show what would be written, and write nothing."})
def init(c: Context, dry_run: bool = False) -> Result:
    """Write services.yaml and tasks.py from the Alembic histories, compose files and .env of this tree.

    Contacts nothing and asks nothing; each env.py runs once, offline. What is already registered stays as it is.

    Example:
        invoke init --dry-run
    """
    from pathlib import Path

    from aegisdb.workflows.init.init import init as workflow

    return workflow(Path.cwd(), dry_run=dry_run)
