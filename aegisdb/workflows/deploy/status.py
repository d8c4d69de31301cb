"""deploy.status: which standalone SQL files ran here, and which have changed since."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.deploy.ledger import DeployFile, compare_with_ledger, deploy_files
from aegisdb.errors import Problem
from aegisdb.results import Result

if TYPE_CHECKING:
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class DeployStatusResult(Result):
    """Every file in name order."""

    files: tuple[DeployFile, ...]


def deploy_status(ws: Workspace, *, check: bool = False) -> DeployStatusResult:
    """Compare the directory with the ledger; changes nothing. With `check`, files to run are a problem (exit 6)."""
    with ws.connect() as conn:
        files = compare_with_ledger(conn, deploy_files(ws.registry))
    waiting = [file.file for file in files if file.state in {"never run", "changed"}]
    if not check or not waiting:
        return DeployStatusResult(files=files)
    problem = Problem(code="pending", message=f"deploy files to run: {', '.join(waiting)}", hint="invoke deploy.apply")
    return DeployStatusResult(files=files, problems=(problem,))
