"""Everything that a merge request has to pass, in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.cli.task import task

if TYPE_CHECKING:
    from aegisdb.results import Result
    from aegisdb.workspace import Workspace


@task(
    help={
        "since": "Commit or branch that tells which revisions are new; otherwise the default branch.",
        "output": "Directory for junit.xml, aegisdb.sarif and summary.md; otherwise .aegisdb/ci.",
        "again": "Prove also what was proven here before and has not changed since.",
    }
)
def ci(ws: Workspace, since: str = "", output: str = "", again: bool = False) -> Result:
    """Lint, heads, roundtrip of new revisions, verify, seed.prove and deploy.prove, with reports; all of them run.

    Example:
        invoke ci --since origin/main
    """
    from aegisdb.workflows.ci import ci as workflow

    return workflow(ws, since=since, output=output, again=again)
