"""Runs deploy files on any database, one transaction a file, and keeps the ledger."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aegisdb.deploy.ledger import State, compare_with_ledger, deploy_files, record
from aegisdb.errors import AegisError, Failed, Interrupted
from aegisdb.fast_dataclass import dataclass
from aegisdb.plain_text import number_of
from aegisdb.progress import Event, Listener, silent
from aegisdb.results import Result

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection
    from aegisdb.postgres.locks import WriterLock
    from aegisdb.registry.types import Registry


@dataclass(frozen=True, kw_only=True)
class DeployDone:
    """A deploy file that ran; `state` is what it was before."""

    file: str
    state: State
    seconds: float


@dataclass(frozen=True, kw_only=True)
class DeployApplyResult(Result):
    """What ran and what was current; after an error also what failed and was not started; in a dry run nothing ran."""

    files: tuple[DeployDone, ...] = ()
    planned: tuple[str, ...] = ()
    current: tuple[str, ...] = ()
    failed: str = ""
    not_started: tuple[str, ...] = ()


def run_deploy(
    registry: Registry,
    address: Address,
    *,
    again: bool = False,
    bindir: Path | None = None,
    listen: Listener = silent,
    lock: WriterLock | None = None,
) -> tuple[DeployDone, ...]:
    """Run what never ran here or changed since (with `again` everything), in name order, one transaction a file.

    Keeps `aegisdb.deploy_ledger` of that database; takes no lock: callers own that, and a file that ends after `lock`
    was lost is rolled back.

    Raises:
        StatementFailed: file:line and statement; nothing of that file was kept, `result` says what ran before it.
        BadInput: a file cannot be read. Unreachable: the server.
    """
    from aegisdb.postgres import side_schema
    from aegisdb.postgres.connection import connect

    files = {path.name: path for path in deploy_files(registry)}
    done: list[DeployDone] = []
    with connect(address, application="aegisdb: deploy") as conn:
        conn.stay()
        states = compare_with_ledger(conn, tuple(files.values()))
        wanted = tuple(f for f in states if f.file in files and (again or f.state != "current"))
        if wanted:
            side_schema.ensure(conn)
        for number, file in enumerate(wanted):
            try:
                done.append(_run(conn, files[file.file], file.state, bindir, listen, lock))
            except (AegisError, KeyboardInterrupt) as error:
                rest = tuple(later.file for later in wanted[number + 1 :])
                result = DeployApplyResult(files=tuple(done), failed=file.file, not_started=rest)
                raise _with_result(error, result) from error
    return tuple(done)


def _run(
    conn: Connection, path: Path, state: State, bindir: Path | None, listen: Listener, lock: WriterLock | None
) -> DeployDone:
    from aegisdb.postgres import psql

    note = "changed since it ran here, so it runs again" if state == "changed" else ""
    listen(Event(step="deploy", subject=path.name, note=note))
    source, began = path.read_bytes(), time.monotonic()
    if lock is not None:
        lock.prove()
    try:
        psql.run_file(conn.address, path, bindir=bindir, last=lock.require_held if lock is not None else "")
    except AegisError:
        if lock is not None:
            lock.prove()
        raise
    seconds = time.monotonic() - began
    record(conn, path.name, source, seconds)
    listen(Event(step="deploy", subject=path.name, seconds=seconds))
    return DeployDone(file=path.name, state=state, seconds=seconds)


def _with_result(error: AegisError | KeyboardInterrupt, result: DeployApplyResult) -> AegisError:
    state = f"nothing of {result.failed} was kept, {number_of(len(result.files), 'file')} ran before it"
    if isinstance(error, KeyboardInterrupt):
        return Interrupted(f"interrupted: {state}", hint="invoke deploy.apply", result=result)
    if result.files and not isinstance(error, Failed):
        # exit codes 2, 3, 4 and 7 promise that nothing changed, and an earlier file has
        return Failed(f"{error.message}; {state}", hint=error.hint, where=error.where, code=error.code, result=result)
    return error.amended(
        message=f"{result.failed}: {error.message}; {state}",
        hint=error.hint or "fix the file, then invoke deploy.apply",
        result=result,
    )
