"""The page of a code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.cli.task import task

if TYPE_CHECKING:
    from invoke.context import Context

    from aegisdb.results import Result


@task(workspace=False, raw=True, positional=("code",), help={"code": "An error's code, a lint rule, or a page."})
def explain(c: Context, code: str) -> Result:
    """Print what an error code or a lint rule means and what to do, or a page of the documentation.

    Example:
        invoke explain half_applied
        invoke explain safety
    """
    from aegisdb.workflows.explain import explain as workflow

    return workflow(code)
