"""Working on aegisdb itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks._cli import task

if TYPE_CHECKING:
    from invoke.context import Context

    from aegisdb.results import Result

_ROOT = Path(__file__).parents[1]


@task(workspace=False, help={"check": "Write nothing; exit with 6 when a file is behind."})
def docs(c: Context, check: bool = False) -> Result:
    """Write the parts of README and docs/tasks that are made from the tasks.

    Example:
        invoke dev.docs --check
    """
    import tasks
    from aegisdb.workflows.write_files import write_files
    from tasks._menu import generated

    return write_files(generated(tasks.ns, _ROOT), _ROOT, check=check)
