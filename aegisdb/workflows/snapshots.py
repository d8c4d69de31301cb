"""Named copies of the target's database: `db.snapshot`, `db.restore`, `db.snapshots`, `db.drop-snapshot`.

Template copies, because AGE graphs survive them and a dump breaks them (apache/age#2503).
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb import processes
from aegisdb.errors import AegisError, BadInput, Refused
from aegisdb.histories.reading import read_histories
from aegisdb.histories.revisions import History
from aegisdb.histories.versions import read_versions
from aegisdb.postgres import databases, side_schema
from aegisdb.postgres.locks import writer_lock
from aegisdb.postgres.markers import read_marker
from aegisdb.postgres.quoting import MAX_NAME_BYTES
from aegisdb.postgres.replacing import promote, replace_live
from aegisdb.postgres.scratch import scratch
from aegisdb.results import Result
from aegisdb.safety import denials, require_disposable

if TYPE_CHECKING:
    from aegisdb.postgres.connection import Connection
    from aegisdb.registry.types import Registry
    from aegisdb.workspace import Workspace

_INFIX = "__snap_"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One snapshot. Sizes in bytes; `made` is UTC, ISO 8601."""

    name: str
    made: str
    made_by: str
    bytes: int
    branch: str = ""
    revisions: str = ""


@dataclass(frozen=True, kw_only=True)
class SnapshotResult(Result):
    """A snapshot was made."""

    snapshot: Snapshot
    seconds: float


@dataclass(frozen=True, kw_only=True)
class SnapshotsResult(Result):
    """The snapshots of the target's database, newest first."""

    snapshots: tuple[Snapshot, ...]


@dataclass(frozen=True, kw_only=True)
class RestoreResult(Result):
    """The database is the snapshot again; what it replaced is kept."""

    database: str
    restored: str
    kept_as: str
    undo: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class DropSnapshotResult(Result):
    """A snapshot was dropped."""

    dropped: str
    bytes: int


def snapshot(ws: Workspace, name: str) -> SnapshotResult:
    """Keep a copy of the target's database as `name`.

    Raises:
        BadInput: the name cannot be used; Refused: it exists already.
        Busy: sessions stay on the database, or another writer works on it.
    """
    address, began = ws.address(), time.monotonic()
    full = snapshot_database(address.database, name)
    with databases.maintenance(address, application="aegisdb: db.snapshot") as conn:
        if databases.exists(conn, full):
            raise Refused(f"snapshot {name!r} exists", hint=f"invoke db.drop-snapshot {name}", code="snapshot_exists")
        with writer_lock(address, wait=ws.lock_wait, command="db.snapshot", listen=ws.listen):
            facts = facts_about(ws)
            with scratch(address, template=address.database, label="snapshot", wait=ws.lock_wait) as copy:
                promote(conn, copy.database, full, "snapshot", facts)
        (made,) = [found for found in _snapshots(conn, address.database) if found.name == name]
    return SnapshotResult(snapshot=made, seconds=time.monotonic() - began)


def list_snapshots(ws: Workspace) -> SnapshotsResult:
    """All snapshots of the target's database."""
    address = ws.address()
    with databases.maintenance(address) as conn:
        return SnapshotsResult(snapshots=_snapshots(conn, address.database))


def drop_snapshot(ws: Workspace, name: str) -> DropSnapshotResult:
    """Drop a snapshot for good.

    Raises:
        BadInput: there is none of that name; Refused: a database of that name is not one of ours.
    """
    address = ws.address()
    with databases.maintenance(address, application="aegisdb: db.drop-snapshot") as conn:
        full = _existing(conn, address.database, name)
        size = int(conn.value("SELECT pg_database_size(%s)", (full,)))
        databases.drop(conn, full)
    return DropSnapshotResult(dropped=name, bytes=size)


def restore(ws: Workspace, name: str, *, yes: bool = False) -> RestoreResult:
    """Make the target's database what it was at a snapshot; the one it replaces is kept as `before-restore`.

    Raises:
        BadInput: there is no such snapshot; Refused: the database is not disposable.
        Busy: sessions are on the database, or another writer works on it; nothing changed.
    """
    address, began = ws.address(), time.monotonic()
    live, kept = address.database, "before-restore"
    with databases.maintenance(address, application="aegisdb: db.restore") as conn:
        source = _existing(conn, live, name)
        there = databases.exists(conn, live)
        if there:
            require_disposable(ws, conn, verb="db.restore", database=live, undoable=True, yes=yes)
        elif reasons := denials(ws, conn, live):
            raise Refused(f"db.restore is refused: {'; '.join(reasons)}", hint="use another target", code="protected")
        with writer_lock(address, wait=ws.lock_wait, command="db.restore", listen=ws.listen):
            facts = facts_about(ws) if there else {}
            with scratch(address, template=source, label="restore", wait=ws.lock_wait) as copy:
                with ws.connect(copy.database) as fresh:
                    side_schema.journal(fresh, "restore", command=ws.command, note=f"snapshot {name}")
                replace_live(conn, live, copy.database, snapshot_database(live, kept), facts)
    seconds = time.monotonic() - began
    undo = f"invoke db.restore {kept}" if there else ""
    return RestoreResult(database=live, restored=name, kept_as=kept if there else "", undo=undo, seconds=seconds)


def snapshot_database(database: str, name: str) -> str:
    """The name of the database that holds a snapshot.

    Raises:
        BadInput: other characters than letters, digits, `_ . -`, or too long for PostgreSQL.
    """
    full = f"{database}{_INFIX}{name}"
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} cannot name a snapshot", hint="use letters, digits and _ . -", code="name")
    if len(full.encode()) > MAX_NAME_BYTES:
        most = MAX_NAME_BYTES - len(full.encode()) + len(name)
        raise BadInput(f"the snapshot's name is too long: {most} characters at most", code="name")
    return full


def facts_about(ws: Workspace) -> dict[str, str]:
    """What a snapshot of the live database remembers: git branch, and where each history was."""
    # a broken history must not keep anyone from a snapshot: it is left out
    histories = [history for history in read_histories(ws.registry).values() if isinstance(history, History)]
    with ws.connect() as conn:
        versions = read_versions(conn, histories)
    revisions = " ".join(f"{service}={','.join(rows) or '-'}" for service, rows in versions.items())
    return {"branch": _branch(ws.registry), "revisions": revisions}


def _branch(registry: Registry) -> str:
    try:
        asked = processes.run(["git", "rev-parse", "--abbrev-ref", "HEAD"], cwd=registry.root, timeout=10)
    except AegisError:  # no git on this machine
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""


def _snapshots(conn: Connection, database: str) -> tuple[Snapshot, ...]:
    prefix = f"{database}{_INFIX}"
    rows = conn.rows("SELECT datname, pg_database_size(oid) FROM pg_database WHERE starts_with(datname, %s)", (prefix,))
    found = []
    for full, size in rows:
        marker = read_marker(conn, full)
        if marker is None or not marker.valid or marker.kind != "snapshot":
            continue
        facts = {key: marker.facts.get(key, "") for key in ("branch", "revisions")}
        name = full.removeprefix(prefix)
        found.append(Snapshot(name=name, made=marker.made, made_by=marker.made_by, bytes=size, **facts))
    return tuple(sorted(found, key=lambda one: one.made, reverse=True))


def _existing(conn: Connection, database: str, name: str) -> str:
    full = snapshot_database(database, name)
    if not databases.exists(conn, full):
        known = ", ".join(one.name for one in _snapshots(conn, database)) or "none"
        raise BadInput(f"there is no snapshot {name!r} of {database}", hint=f"snapshots: {known}", code="no_snapshot")
    marker = read_marker(conn, full)
    if marker is None or not marker.valid or marker.kind != "snapshot":
        raise Refused(f"database {full!r} was not made by db.snapshot: it carries no marker of it", code="shared")
    return full
