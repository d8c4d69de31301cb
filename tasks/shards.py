"""Parts of a command that ran apart (`--shard I/N`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.cli.task import task

if TYPE_CHECKING:
    from invoke.context import Context

    from aegisdb.results import Result


@task(
    workspace=False,
    lists=("files",),
    help={"files": "A report, or a folder of them (*.json); may be given more than once."},
)
def merge(c: Context, files: tuple[str, ...] = ()) -> Result:
    """Put the JSON reports of all parts of one command together, and tell which part is missing or there twice.

    Example:
        invoke shards.merge --files reports
    """
    from aegisdb.workflows.shards import merge as workflow

    return workflow(files, Path.cwd())
