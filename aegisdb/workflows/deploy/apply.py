"""deploy.apply: standalone idempotent SQL for databases that already exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.deploy.execution import DeployApplyResult, run_deploy
from aegisdb.deploy.ledger import compare_with_ledger, deploy_files

if TYPE_CHECKING:
<<<<<<< HEAD
    from aegisdb.workspace import Workspace

=======
    from datetime import datetime
    from pathlib import Path

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection
    from aegisdb.postgres.locks import WriterLock
    from aegisdb.registry.types import Registry
    from aegisdb.workspace import Workspace

State = Literal["never run", "current", "changed", "missing"]


@dataclass(frozen=True, kw_only=True)
class DeployFile:
    """One deploy file against the ledger of a database; `missing` ran here and is no longer in the directory."""

    file: str
    state: State
    last_run: datetime | None = None
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class DeployDone:
    """One file that ran; `state` is what it was before."""

    file: str
    state: State
    seconds: float


@dataclass(frozen=True, kw_only=True)
class DeployApplyResult(Result):
    """What ran and what was current; after an error also what failed and was not started; with `plan` nothing ran."""

    files: tuple[DeployDone, ...] = ()
    planned: tuple[str, ...] = ()
    current: tuple[str, ...] = ()
    failed: str = ""
    not_started: tuple[str, ...] = ()


def deploy_files(registry: Registry) -> tuple[Path, ...]:
    """The SQL files of `database.deploy` in name order; none without the key.

    Raises:
        BadInput: the directory does not exist.
    """
    if registry.file.database.deploy is None:
        return ()
    directory = registry.root / registry.file.database.deploy
    if not directory.is_dir():
        raise BadInput(
            "the directory of deploy files does not exist",
            hint="create it, or correct database.deploy in services.yaml",
            where=str(directory),
        )
    return tuple(sorted(path for path in directory.glob("*.sql") if path.is_file()))


def compare_with_ledger(conn: Connection, files: tuple[Path, ...]) -> tuple[DeployFile, ...]:
    """The state of every file, then those of the ledger that have no file any more."""
    from aegisdb.postgres import side_schema

    rows = []
    if side_schema.exists(conn):
        rows = conn.rows(
            "SELECT file, digest, finished, concat_ws('@', os_user, host) FROM aegisdb.deploy_ledger ORDER BY file"
        )
    ran = {file: (digest, finished, by) for file, digest, finished, by in rows}
    there = tuple(_state(path, ran.pop(path.name, None)) for path in files)
    gone = (DeployFile(file=file, state="missing", last_run=facts[1], by=facts[2]) for file, facts in ran.items())
    return (*there, *gone)


def _state(path: Path, last: tuple[str, datetime, str] | None) -> DeployFile:
    if last is None:
        return DeployFile(file=path.name, state="never run")
    digest, finished, by = last
    state: State = "current" if digest == _digest(path.read_bytes()) else "changed"
    return DeployFile(file=path.name, state=state, last_run=finished, by=by)


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
    _record(conn, path.name, source, seconds)
    listen(Event(step="deploy", subject=path.name, seconds=seconds))
    return DeployDone(file=path.name, state=state, seconds=seconds)


def _record(conn: Connection, name: str, source: bytes, seconds: float) -> None:
    from aegisdb.postgres import side_schema
    from aegisdb.postgres.markers import who

    user, _, host = who().partition("@")
    with conn.transaction():
        conn.execute(
            "INSERT INTO aegisdb.deploy_ledger (file, digest, source, seconds, os_user, host)"
            " VALUES (%s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (file) DO UPDATE SET (digest, source, seconds, finished, os_user, host) ="
            " (EXCLUDED.digest, EXCLUDED.source, EXCLUDED.seconds, clock_timestamp(), EXCLUDED.os_user, EXCLUDED.host)",
            (name, _digest(source), source.decode(errors="replace"), seconds, user, host),
        )
        side_schema.journal(conn, "deploy", command="deploy.apply", note=name, seconds=seconds)


def _with_result(error: AegisError | KeyboardInterrupt, result: DeployApplyResult) -> AegisError:
    state = f"nothing of {result.failed} was kept, {len(result.files)} files ran before it"
    if isinstance(error, KeyboardInterrupt):
        return Interrupted(f"interrupted: {state}", hint="invoke deploy.apply", result=result)
    if result.files and not isinstance(error, Failed):
        # exit codes 2, 3, 4 and 7 promise that nothing changed, and an earlier file has
        return Failed(f"{error.message}; {state}", hint=error.hint, where=error.where, code=error.code, result=result)
    error.message = f"{result.failed}: {error.message}; {state}"
    error.args = (error.message,)
    error.hint = error.hint or "mend the file, then invoke deploy.apply"
    error.result = result
    return error


def _digest(source: bytes) -> str:
    # a checkout may turn line ends around; that is no change
    return hashlib.sha256(source.replace(b"\r\n", b"\n")).hexdigest()

>>>>>>> 0920248 (Hold the writer lock in an open transaction of the database itself)

def deploy_apply(ws: Workspace, *, again: bool = False, plan: bool = False) -> DeployApplyResult:
    """Run the deploy files on the target's database under the writer lock.

    Raises:
        BadInput, Busy, Unreachable: nothing changed. StatementFailed: as `run_deploy`.
    """
    from aegisdb.postgres.locks import writer_lock

    files = deploy_files(ws.registry)
    address = ws.address()
    with writer_lock(address, wait=ws.lock_wait, command=ws.command or "deploy.apply", listen=ws.listen) as lock:
        with ws.connect() as conn:
            states = compare_with_ledger(conn, files)
        current = () if again else tuple(file.file for file in states if file.state == "current")
        if plan:
            names = tuple(path.name for path in files if path.name not in current)
            return DeployApplyResult(planned=names, current=current)
        bindir = ws.server.bindir()
        done = run_deploy(ws.registry, address, again=again, bindir=bindir, listen=ws.listen, lock=lock)
    return DeployApplyResult(files=done, current=current)
