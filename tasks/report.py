"""One HTML page about the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.cli.task import task

if TYPE_CHECKING:
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
