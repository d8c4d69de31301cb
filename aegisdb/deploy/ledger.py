"""Deploy files against `aegisdb.deploy_ledger`, the memory of a database of those that ran in it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

from aegisdb.errors import BadInput
from aegisdb.fast_dataclass import dataclass

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from aegisdb.postgres.connection import Connection
    from aegisdb.registry.types import Registry

State = Literal["never run", "current", "changed", "missing"]


@dataclass(frozen=True, kw_only=True)
class DeployFile:
    """One deploy file against the ledger of a database; `missing` ran here and is no longer in the directory."""

    file: str
    state: State
    last_run: datetime | None = None
    by: str = ""


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
            "SELECT file, digest, finished, pg_catalog.concat_ws('@', os_user, host)"
            " FROM aegisdb.deploy_ledger ORDER BY file"
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


def record(conn: Connection, name: str, source: bytes, seconds: float) -> None:
    """Keep a run in the ledger and in the journal; the side schema must be there."""
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


def _digest(source: bytes) -> str:
    # a checkout may turn line ends around; that is no change
    return hashlib.sha256(source.replace(b"\r\n", b"\n")).hexdigest()
