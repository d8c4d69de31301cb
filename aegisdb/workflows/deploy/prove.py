"""deploy.prove: every deploy file runs twice on a clone; the second run must change nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.deploy.ledger import deploy_files
from aegisdb.errors import Problem
from aegisdb.progress import Event
from aegisdb.proofs.second_run import look, what_changed
from aegisdb.results import Result

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb.postgres.address import Address
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class ProvenFile:
    """One file after two runs; `differences` names tables and schema objects that the second run changed."""

    file: str
    rerunnable: bool
    seconds: float
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DeployProveResult(Result):
    """The files that were tried; `problems` has one entry for each that is not re-runnable."""

    files: tuple[ProvenFile, ...]
    proven_on: str = ""
    """The database that it was tried on; empty for a clone of the target's."""


def deploy_prove(ws: Workspace) -> DeployProveResult:
    """Run each file twice on a clone of the target's database and compare; the target is not touched.

    Where the target gets no database of ours, the clone is of a database that the registry builds elsewhere.

    Raises:
        BadInput, Busy, Unreachable: nothing was run. StatementFailed: a file fails in its first run already.
    """
    from aegisdb.building import template
    from aegisdb.building.proof_target import proving
    from aegisdb.postgres.scratch import scratch

    files = deploy_files(ws.registry)
    there = proving(ws)
    source = template(there, "seeds") if there is not ws else there.address().database
    with scratch(there.address(), template=source, label="deploy.prove", wait=ws.lock_wait) as clone:
        proven = tuple(_prove(there, path, clone) for path in files)
    on = "" if there is ws else f"a seeded database on target {there.target}"
    return DeployProveResult(
        files=proven, proven_on=on, problems=tuple(_problem(file) for file in proven if not file.rerunnable)
    )


def _prove(ws: Workspace, path: Path, clone: Address) -> ProvenFile:
    from aegisdb.errors import StatementFailed
    from aegisdb.postgres import psql

    ws.listen(Event(step="prove", subject=path.name))
    began = time.monotonic()
    psql.run_file(clone, path, bindir=ws.server.bindir())
    before = look(clone)
    try:
        psql.run_file(clone, path, bindir=ws.server.bindir())
    except StatementFailed as error:
        differences: tuple[str, ...] = (f"its second run fails: {error.message} at {error.where}",)
    else:
        differences = what_changed(before, look(clone))
    seconds = time.monotonic() - began
    ws.listen(Event(step="prove", subject=path.name, seconds=seconds))
    return ProvenFile(file=path.name, rerunnable=not differences, seconds=seconds, differences=differences)


def _problem(file: ProvenFile) -> Problem:
    return Problem(
        code="not_rerunnable",
        message=f"{file.file} is not re-runnable: {'; '.join(file.differences)}",
        hint="guard it with IF NOT EXISTS, ON CONFLICT or a look at the catalog; invoke deploy.prove again",
        where=file.file,
    )
