"""Named copies of the target's database: `db.snapshot`, `db.restore`, `db.snapshots`, `db.drop-snapshot`.

Template copies, because AGE graphs survive them and a dump breaks them (apache/age#2503).
"""

from __future__ import annotations

import re
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aegisdb.applied.version_tables import read_versions
from aegisdb.building.lacking import lacking, lacking_fact
from aegisdb.errors import BadInput, Refused
from aegisdb.fast_dataclass import dataclass
from aegisdb.git_head import branch_of
from aegisdb.postgres import closing, databases, side_schema
from aegisdb.postgres.locks import replacing_lock
from aegisdb.postgres.markers import read_marker
from aegisdb.postgres.quoting import MAX_NAME_BYTES
from aegisdb.postgres.replacement import promote, replace_live
from aegisdb.postgres.scratch import scratch
from aegisdb.progress import Event
from aegisdb.results import Result
from aegisdb.revisions.history import History
from aegisdb.revisions.load import read_histories
from aegisdb.safety import denials, require_disposable, told
from aegisdb.workflows.db.snapshot_space import Snapshot, Space, require_room, space

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aegisdb.postgres.connection import Connection
    from aegisdb.registry.types import Registry
    from aegisdb.workspace import Workspace

_INFIX = "__snap_"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, kw_only=True)
class SnapshotResult(Result):
    """A snapshot that was made."""

    snapshot: Snapshot
    space: Space
    seconds: float
    lacks: tuple[str, ...] = ()
    """What the database has and no copy of it."""


@dataclass(frozen=True, kw_only=True)
class SnapshotPlan(Result):
    """What `--dry-run` tells: which databases would be copied, renamed or dropped, and the room that it takes."""

    steps: tuple[str, ...]
    bytes: int
    """Size of the copy in bytes; negative for what a drop frees."""
    space: Space
    """The room that snapshots take beforehand."""


@dataclass(frozen=True, kw_only=True)
class SnapshotsResult(Result):
    """The snapshots of the target's database, newest first."""

    snapshots: tuple[Snapshot, ...]
    space: Space


@dataclass(frozen=True, kw_only=True)
class RestoreResult(Result):
    """The database is the snapshot again; what it replaced is kept."""

    database: str
    restored: str
    kept_as: str
    undo: str
    seconds: float
    lacks: tuple[str, ...] = ()
    """What the snapshot's database had and no copy of it."""


@dataclass(frozen=True, kw_only=True)
class DropSnapshotResult(Result):
    """A snapshot was dropped."""

    dropped: str
    bytes: int


def snapshot(
    ws: Workspace, name: str, *, disconnect: bool = False, dry_run: bool = False
) -> SnapshotResult | SnapshotPlan:
    """Keep a copy of the target's database as `name`. `dry_run` only says what that would take.

    `disconnect` ends the sessions of others and lets none in until the copy is made.

    Raises:
        BadInput: the name cannot be used; Refused: it exists already, or there is no room for it.
        Busy: sessions stay on the database, or another writer works on it.
    """
    address, began = ws.address(), time.monotonic()
    full = snapshot_database(address.database, name)
    with databases.maintenance(address, application="aegisdb: db.snapshot") as conn:
        closing.reopen_abandoned(conn, address)
        size = _require_new(ws, conn, name)
        if disconnect:
            _require_allowed(ws, conn, "db.snapshot --disconnect", address.database)
        if dry_run:
            steps = (f"copy database {address.database} as {full}",)
            return SnapshotPlan(steps=steps, bytes=size, space=_space(ws, conn))
        ws.listen(Event(step="copy", subject=address.database, note=f"{size} bytes"))
        with replacing_lock(address, wait=ws.lock_wait, command="db.snapshot", listen=ws.listen):
            _require_new(ws, conn, name)  # again: whoever held the lock may have made one
            lacks = lacking(conn, address.database)
            facts = _facts(ws) | lacking_fact(lacks)
            with (
                closing.advised(),
                closing.closed(conn, address.database, by="db.snapshot") if disconnect else nullcontext(),
                scratch(address, template=address.database, label="snapshot", wait=ws.lock_wait) as copy,
            ):
                promote(conn, copy.database, full, "snapshot", facts)
        (made,) = [found for found in _snapshots(conn, address.database) if found.name == name]
        seconds = time.monotonic() - began
        ws.listen(Event(step="copy", subject=address.database, seconds=seconds))
        return SnapshotResult(snapshot=made, space=_space(ws, conn), seconds=seconds, lacks=tuple(lacks))


def list_snapshots(ws: Workspace) -> SnapshotsResult:
    """List the snapshots of the target's database."""
    address = ws.address()
    with databases.maintenance(address) as conn:
        found = _snapshots(conn, address.database)
    return SnapshotsResult(snapshots=found, space=space(found, ws.registry.file.snapshots))


def drop_snapshot(ws: Workspace, name: str, *, dry_run: bool = False) -> DropSnapshotResult | SnapshotPlan:
    """Drop a snapshot for good. `dry_run` only says what that frees.

    Raises:
        BadInput: there is none of that name; Refused: a database of that name is not one of ours, or the database
        that it is a copy of is not disposable.
    """
    address = ws.address()
    with databases.maintenance(address, application="aegisdb: db.drop-snapshot") as conn:
        full = _existing(conn, address.database, name)
        _require_allowed(ws, conn, "db.drop-snapshot", address.database)
        size = _size(conn, full)
        if dry_run:
            return SnapshotPlan(steps=(f"drop database {full}",), bytes=-size, space=_space(ws, conn))
        databases.drop(conn, full)
    return DropSnapshotResult(dropped=name, bytes=size)


def restore(
    ws: Workspace, name: str, *, disconnect: bool = False, yes: bool = False, dry_run: bool = False
) -> RestoreResult | SnapshotPlan:
    """Make the target's database what it was at a snapshot; the one it replaces is kept as `before-restore`.

    `disconnect` ends the sessions of others on the database.
    `dry_run` only says what would be copied, renamed and dropped, and whether it would be refused.

    Raises:
        BadInput: there is no such snapshot; Refused: the database is not disposable.
        Busy: sessions are on the database, or another writer works on it; nothing changed.
    """
    address, began = ws.address(), time.monotonic()
    live, kept = address.database, "before-restore"
    with databases.maintenance(address, application="aegisdb: db.restore") as conn:
        closing.reopen_abandoned(conn, address)
        source = _existing(conn, live, name)
        there = _require_allowed(ws, conn, "db.restore", live, yes=yes)
        if dry_run:
            return _plan_restore(ws, conn, source, snapshot_database(live, kept))
        with replacing_lock(address, wait=ws.lock_wait, command="db.restore", listen=ws.listen):
            facts, lacks = _facts(ws) if there else {}, tuple(lacking(conn, source))
            with scratch(address, template=source, label="restore", wait=ws.lock_wait) as copy:
                with ws.connect(copy.database) as fresh:
                    side_schema.journal(fresh, "restore", command=ws.command, note=f"snapshot {name}")
                with closing.advised():
                    replace_live(conn, live, copy.database, snapshot_database(live, kept), facts, disconnect=disconnect)
    seconds = time.monotonic() - began
    undo = f"invoke db.restore {kept}" if there else ""
    kept_as = kept if there else ""
    return RestoreResult(database=live, restored=name, kept_as=kept_as, undo=undo, seconds=seconds, lacks=lacks)


def _plan_restore(ws: Workspace, conn: Connection, source: str, kept: str) -> SnapshotPlan:
    live = ws.address().database
    steps = [f"copy database {source} as {live}"]
    if databases.exists(conn, live):
        steps.insert(0, f"rename database {live} to {kept}")
    if databases.exists(conn, kept):
        steps.append(f"drop the former {kept}")
    return SnapshotPlan(steps=tuple(steps), bytes=_size(conn, source), space=_space(ws, conn))


def _require_new(ws: Workspace, conn: Connection, name: str) -> int:
    """Bytes that the new snapshot takes; refused when it exists or when there is no room for it."""
    live = ws.address().database
    if databases.exists(conn, snapshot_database(live, name)):
        raise Refused(f"snapshot {name!r} exists", hint=f"invoke db.drop-snapshot {name}", code="snapshot_exists")
    size = _size(conn, live) if databases.exists(conn, live) else 0  # copying tells that it does not exist
    require_room(_snapshots(conn, live), ws.registry.file.snapshots, size)
    return size


def _size(conn: Connection, database: str) -> int:
    return int(conn.value("SELECT pg_database_size(%s)", (database,)))


def _space(ws: Workspace, conn: Connection) -> Space:
    return space(_snapshots(conn, ws.address().database), ws.registry.file.snapshots)


def _require_allowed(ws: Workspace, conn: Connection, verb: str, live: str, *, yes: bool = False) -> bool:
    """Whether the live database is there; raises Refused where it must not be destroyed, nor its copies."""
    there = databases.exists(conn, live)
    if there:
        require_disposable(ws, conn, verb=verb, database=live, undoable=True, yes=yes)
    elif reasons := denials(ws, conn, told(conn, live)):
        raise Refused(f"{verb} is refused: {'; '.join(reasons)}", hint="use another target", code="protected")
    return there


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


def _facts(ws: Workspace) -> dict[str, str]:
    # a broken history must not keep anyone from a snapshot: it is left out
    histories = [history for history in read_histories(ws.registry).values() if isinstance(history, History)]
    with ws.connect() as live:
        return facts_about(live, ws.registry, histories)


def facts_about(conn: Connection, registry: Registry, histories: Iterable[History]) -> dict[str, str]:
    """What a snapshot of the live database, on which `conn` is, remembers: git branch, and where each history was."""
    versions = read_versions(conn, histories)
    revisions = " ".join(f"{service}={','.join(rows) or '-'}" for service, rows in versions.items())
    return {"branch": branch_of(registry.root), "revisions": revisions}


def _snapshots(conn: Connection, database: str) -> tuple[Snapshot, ...]:
    prefix = f"{database}{_INFIX}"
    rows = conn.rows("SELECT datname, pg_database_size(oid) FROM pg_database WHERE starts_with(datname, %s)", (prefix,))
    found = []
    for full, size in rows:
        marker = read_marker(conn, full)
        if marker is None or not marker.valid or marker.kind != "snapshot":
            continue
        found.append(
            Snapshot(
                name=full.removeprefix(prefix),
                made=marker.made,
                age=max(0.0, (datetime.now(UTC) - datetime.fromisoformat(marker.made)).total_seconds()),
                made_by=marker.made_by,
                bytes=size,
                branch=marker.facts.get("branch", ""),
                revisions=dict(_service_and_revision(one) for one in marker.facts.get("revisions", "").split()),
            )
        )
    return tuple(sorted(found, key=lambda one: one.made, reverse=True))


def _service_and_revision(text: str) -> tuple[str, str]:
    service, _, revision = text.partition("=")
    return service, revision


def _existing(conn: Connection, database: str, name: str) -> str:
    full = snapshot_database(database, name)
    if not databases.exists(conn, full):
        known = ", ".join(one.name for one in _snapshots(conn, database)) or "none"
        raise BadInput(f"there is no snapshot {name!r} of {database}", hint=f"snapshots: {known}", code="no_snapshot")
    marker = read_marker(conn, full)
    if marker is None or not marker.valid or marker.kind != "snapshot":
        raise Refused(f"database {full!r} was not made by db.snapshot: it carries no marker of it", code="shared")
    return full
