"""One HTML page about the database; and reports of parts (`--shard I/N`), put together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.cli.task import task

if TYPE_CHECKING:
    from invoke.context import Context

    from aegisdb.results import Result
    from aegisdb.workspace import Workspace


@task(help={"output": "File to write (.html); otherwise .aegisdb/report.html."})
def report(ws: Workspace, output: str = "") -> Result:
    """Write one self-contained HTML page: status, drift, last roundtrip, pictures, journal.

    Example:
        invoke report --output report.html
    """
    from aegisdb.output.page import write_page
    from aegisdb.workflows.report import gather

    return write_page(gather(ws, output=output))


@task(
    workspace=False,
    lists=("files",),
    help={
        "files": "A report, or a folder of them (*.json, with --output *.xml); may be given more than once.",
        "output": "File (.xml) that JUnit reports of rollout.report are put together into; otherwise they are JSON.",
    },
)
def merge(c: Context, files: tuple[str, ...] = (), output: str = "") -> Result:
    """Put the reports of all parts of one command together, and tell which part is missing or there twice.

    Example:
        invoke report.merge --files reports
        invoke report.merge --files reports --output rollout.xml
    """
    from aegisdb.workflows.report_merge import merge as workflow

    return workflow(files, Path.cwd(), output=output)
