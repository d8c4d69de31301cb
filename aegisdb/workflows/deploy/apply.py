"""deploy.apply: standalone idempotent SQL for databases that already exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.deploy.execution import DeployApplyResult, run_deploy
from aegisdb.deploy.ledger import compare_with_ledger, deploy_files

if TYPE_CHECKING:
    from aegisdb.workspace import Workspace


def deploy_apply(ws: Workspace, *, again: bool = False, dry_run: bool = False) -> DeployApplyResult:
    """Run the deploy files on the target's database under the writer lock.

    Raises:
        BadInput, Busy, Unreachable: nothing changed. StatementFailed: as `run_deploy`.
    """
    files = deploy_files(ws.registry)
    address = ws.address()
    with ws.writing("deploy.apply") as lock:
        with ws.connect() as conn:
            states = compare_with_ledger(conn, files)
        current = () if again else tuple(file.file for file in states if file.state == "current")
        if dry_run:
            names = tuple(path.name for path in files if path.name not in current)
            return DeployApplyResult(planned=names, current=current)
        bindir = ws.server.bindir()
        done = run_deploy(ws.registry, address, again=again, bindir=bindir, listen=ws.listen, lock=lock)
    return DeployApplyResult(files=done, current=current)
