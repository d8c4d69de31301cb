"""deploy.prove: every deploy file runs twice on a clone; the second run must change nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.deploy.ledger import deploy_files
from aegisdb.errors import Problem
from aegisdb.progress import Event
from aegisdb.proofs.second_run import Looking, what_changed
from aegisdb.results import Result

if TYPE_CHECKING:
    from pathlib import Path

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
    before: str = ""
    """When `unchanged` was proven as it is now, in UTC."""
    unchanged: tuple[str, ...] = ()
    """What was proven before and not run again."""


def deploy_prove(ws: Workspace, *, again: bool = True) -> DeployProveResult:
    """Run each file twice on a clone of the target's database and compare; the target is not touched.

    Where the target gets no database of ours, the clone is of a database that the registry builds elsewhere.
    Without `again` nothing runs where all of it was proven as it is now, on the same rows.

    Raises:
        BadInput, Busy, Unreachable: nothing was run. StatementFailed: a file fails in its first run already.
    """
    from aegisdb.building import template
    from aegisdb.building.proof_target import proving
    from aegisdb.postgres.scratch import scratch, works_beside
    from aegisdb.proofs.remembered_runs import RememberedRun

    files = deploy_files(ws.registry)
    there = proving(ws)
    run = RememberedRun(there, "deploy.prove", lambda: code_of_files(files), on_target=there is ws)
    if not again and (made := run.before()):
        return DeployProveResult(files=(), before=made, unchanged=tuple(path.name for path in files))
    run.begin()
    source = template(there, "seeds") if there is not ws else there.address().database
    with (
        scratch(
            there.address(), template=source, label="deploy.prove", wait=ws.lock_wait, soon=there.server.own
        ) as clone,
        Looking(clone, stays=works_beside(own=there.server.own)) as looking,
    ):
        proven = tuple(_prove(there, path, looking) for path in files)
    on = "" if there is ws else f"a seeded database on target {there.target}"
    problems = tuple(_problem(file) for file in proven if not file.rerunnable)
    if not problems:
        run.remember()
    return DeployProveResult(files=proven, proven_on=on, problems=problems)


def code_of_files(files: tuple[Path, ...]) -> str:
    """Hash the files; empty where commands of psql's may lead out of them."""
    from aegisdb.postgres.psql_commands import ENCODING, commands
    from aegisdb.proofs.memory import what

    texts = [path.read_bytes().decode(ENCODING) for path in files]
    return "" if any(map(commands, texts)) else what([path.name for path in files], texts)


def _prove(ws: Workspace, path: Path, looking: Looking) -> ProvenFile:
    from aegisdb.errors import StatementFailed
    from aegisdb.postgres import psql

    ws.listen(Event(step="prove", subject=path.name))
    began = time.monotonic()
    psql.run_file(looking.address, path, bindir=ws.server.bindir())
    before = looking.look()
    try:
        psql.run_file(looking.address, path, bindir=ws.server.bindir())
    except StatementFailed as error:
        differences: tuple[str, ...] = (f"its second run fails: {error.message} at {error.where}",)
    else:
        differences = what_changed(before, looking.look())
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
