"""`db.switch` and `db.branches`: a database for each git branch, of which one is in place and the others are parked.

The branch of a database is a setting of the database itself, which goes with it through every rename, and both renames
of a switch are one transaction. So whatever dies, every database is there, under one of its two names.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aegisdb.errors import BadInput, HistoryError, Refused, UsageError
from aegisdb.files import replace_file
from aegisdb.git_head import NOTED, branch_before, branch_of
from aegisdb.postgres import closing, databases
from aegisdb.postgres.lock_holder import holder_name
from aegisdb.postgres.locks import replacing_lock
from aegisdb.postgres.markers import read_marker, read_markers
from aegisdb.postgres.quoting import MAX_NAME_BYTES, cut_name
from aegisdb.postgres.replacement import BRANCH, exchange, label
from aegisdb.postgres.scratch import scratch
from aegisdb.results import Result
from aegisdb.revisions.load import read_histories
from aegisdb.safety import require_disposable
from aegisdb.workflows.db.snapshots import facts_about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.postgres.connection import Connection
    from aegisdb.workspace import Workspace

_INFIX = "__branch_"
_LABEL = f"""
    SELECT substr(entry, {len(BRANCH) + 2}) FROM pg_database d JOIN pg_db_role_setting s ON s.setdatabase = d.oid,
           unnest(s.setconfig) entry
     WHERE d.datname = %s AND s.setrole = 0 AND starts_with(entry, '{BRANCH}=')"""  # noqa: S608  constants of ours


@dataclass(frozen=True, kw_only=True)
class SwitchResult(Result):
    """Whose database is in place now."""

    branch: str
    database: str
    did: str
    """nothing, noted, brought back, or made."""
    parked: str = ""
    """The branch whose database was in place; empty where none was."""
    parked_as: str = ""
    planned: bool = False
    """Nothing was done."""
    seconds: float
    lacks: tuple[str, ...] = ()
    """What revisions make and a copy of a template does not have, where the database is one."""


@dataclass(frozen=True, kw_only=True)
class BranchDatabase:
    """The database of one branch."""

    branch: str
    """Empty where it is not noted yet."""
    database: str
    in_place: bool
    bytes: int
    age: float
    """Seconds since it was parked."""
    revisions: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class BranchesResult(Result):
    """The databases of all branches; the one in place first."""

    databases: tuple[BranchDatabase, ...]
    dropped: bool = False


@dataclass(frozen=True)
class _Plan:
    """The steps of a switch."""

    did: str
    owner: str = ""
    """The branch whose database is in place; empty where none is."""
    parked_as: str = ""
    incoming: str = ""
    """The parked database that comes back."""


def switch(ws: Workspace, branch: str = "", *, dry_run: bool = False) -> SwitchResult:
    """Put the database of a branch in place, of the one that is checked out if it is not named; park the one there is.

    A branch that has none gets a fresh one, made from the files that are checked out. `dry_run` only says what is done.

    Raises:
        UsageError: no branch is checked out, or the named one has no database and is not checked out.
        Refused: the database is not disposable; or that of its branch is parked already.
        Busy: sessions are on it, or another writer works on it; nothing changed.
    """
    began = time.monotonic()
    here = branch_of(ws.registry.root)
    wanted = branch or here
    if wanted in {"", "HEAD"}:
        raise UsageError("no branch is checked out", hint="name one: invoke db.switch BRANCH")
    address = ws.address()
    with databases.maintenance(address, application=holder_name("db.switch"), client=ws.client) as conn:
        closing.reopen_abandoned(conn, address)
        if databases.exists(conn, address.database) and _label(conn, address.database) != wanted:
            require_disposable(ws, conn, verb="db.switch", database=address.database, undoable=True)
        plan = _plan(ws, conn, wanted, here)
        lacks: tuple[str, ...] = ()
        if plan.did != "nothing" and not dry_run:
            lock = replacing_lock(
                address, wait=ws.lock_wait, command="db.switch", listen=ws.listen, conn=conn, client=ws.client
            )
            with lock:
                _note(ws, "")
                plan = _plan(ws, conn, wanted, here)
                lacks = _do(ws, conn, wanted, plan)
        if not dry_run:
            _note(ws, wanted)
    return SwitchResult(
        branch=wanted,
        database=address.database,
        did=plan.did,
        parked=plan.owner if plan.parked_as else "",
        parked_as=plan.parked_as,
        planned=dry_run,
        seconds=time.monotonic() - began,
        lacks=lacks,
    )


def _plan(ws: Workspace, conn: Connection, wanted: str, here: str) -> _Plan:
    live = ws.address().database
    there = databases.exists(conn, live)
    stored = _parked_name(live, wanted) if _is_parked(conn, _parked_name(live, wanted)) else ""
    label = _label(conn, live)
    if there and label == wanted:
        return _Plan("nothing", wanted)
    owner = (label or _owner(ws, wanted, here)) if there else ""
    if owner == wanted and not stored:  # the first time: it is this branch's already
        return _Plan("noted", wanted)
    parked_as = _parked_name(live, owner) if there else ""
    if parked_as and databases.exists(conn, parked_as):
        raise Refused(
            f"the database in place is that of branch {owner}, of which one is parked already",
            hint=f"invoke db.branches --drop {owner}, if the one in place is right",
            code="branch_parked",
        )
    if not stored and wanted != here:
        raise UsageError(
            f"branch {wanted} has no database yet, and is not checked out, so none can be made for it",
            hint=f"git switch {wanted}, then invoke db.switch",
        )
    return _Plan("brought back" if stored else "made", owner, parked_as, stored)


def _do(ws: Workspace, conn: Connection, wanted: str, plan: _Plan) -> tuple[str, ...]:
    """Do the steps; returns what the new database lacks."""
    live, labels = ws.address().database, (plan.owner, wanted)
    if plan.did == "noted":
        conn.execute(label(live, wanted))
        return ()
    if plan.did == "nothing":  # somebody else did it meanwhile
        return ()
    facts = _facts(ws, plan.owner) if plan.parked_as else {}
    if plan.incoming:
        exchange(conn, live, plan.incoming, plan.parked_as, facts, labels=labels)
        return ()
    from aegisdb.building import template
    from aegisdb.building.lacking import lacking

    source = template(ws, "seeds", conn)
    with scratch(ws.address(), conn, template=source, label="switch") as made:
        exchange(conn, live, made.database, plan.parked_as, facts, labels=labels, carry=True)
    return tuple(lacking(conn, source))


def branches(ws: Workspace, *, drop: str = "") -> BranchesResult:
    """List the databases of branches; with `drop` drop the parked one of that branch.

    Raises:
        BadInput: there is none; Refused: the database in place is not disposable.
    """
    live = ws.address().database
    with databases.maintenance(ws.address(), application="aegisdb: db.branches", client=ws.client) as conn:
        found = tuple(_listed(ws, conn, live))
        if not drop:
            return BranchesResult(databases=found)
        doomed = tuple(one for one in found if one.branch == drop and not one.in_place)
        if not doomed:
            known = ", ".join(one.branch for one in found if not one.in_place) or "none"
            raise BadInput(f"no database of a branch {drop!r} is parked", hint=f"parked: {known}", code="no_branch")
        if databases.exists(conn, live):
            require_disposable(ws, conn, verb="db.branches --drop", database=live, undoable=True)
        databases.drop(conn, doomed[0].database)
        return BranchesResult(databases=doomed, dropped=True)


def _listed(ws: Workspace, conn: Connection, live: str) -> Iterator[BranchDatabase]:
    if databases.exists(conn, live):
        facts = _facts(ws, "")
        yield _described(conn, _label(conn, live), live, facts.get("revisions", ""), in_place=True)
    parked = read_markers(conn, live + _INFIX)
    for name, marker in sorted(parked.items(), key=lambda one: one[1].made if one[1] else "", reverse=True):
        if marker is not None and marker.valid and marker.kind == "branch":
            age = (datetime.now(UTC) - datetime.fromisoformat(marker.made)).total_seconds()
            facts = marker.facts
            yield _described(conn, facts.get("of", ""), name, facts.get("revisions", ""), age=max(0.0, age))


def _described(
    conn: Connection, branch: str, name: str, revisions: str, *, in_place: bool = False, age: float = 0.0
) -> BranchDatabase:
    return BranchDatabase(
        branch=branch,
        database=name,
        in_place=in_place,
        bytes=int(conn.value("SELECT pg_database_size(%s)", (name,))),
        age=age,
        revisions={part.partition("=")[0]: part.partition("=")[2] for part in revisions.split()},
    )


def _label(conn: Connection, name: str) -> str:
    rows = conn.rows(_LABEL, (name,))
    return str(rows[0][0]) if rows else ""


def _owner(ws: Workspace, wanted: str, here: str) -> str:
    """The branch of a database without a note: the one that is checked out, or was before git switched to `wanted`."""
    if here != wanted:
        return here
    return branch_before(ws.registry.root) or here


def _facts(ws: Workspace, label: str) -> dict[str, str]:
    histories = [one for one in read_histories(ws.registry).values() if not isinstance(one, HistoryError)]
    with ws.short_session() as conn:
        return {**facts_about(conn, ws.registry, histories), "of": label}


def _is_parked(conn: Connection, name: str) -> bool:
    marker = read_marker(conn, name)
    return marker is not None and marker.valid and marker.kind == "branch"


def _parked_name(live: str, branch: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", branch.lower()).strip("_")
    room = MAX_NAME_BYTES - len(f"{live}{_INFIX}".encode())
    if plain == branch and len(plain) <= room:
        return f"{live}{_INFIX}{plain}"
    digest = hashlib.sha256(branch.encode(errors="surrogateescape")).hexdigest()[:6]
    return f"{cut_name(live + _INFIX + plain, MAX_NAME_BYTES - 7)}_{digest}"


def _note(ws: Workspace, branch: str) -> None:
    """Tell the hook whose database is in place; nothing where that changes now."""
    file = ws.registry.state / NOTED
    if branch:
        replace_file(file, branch + "\n")
    else:
        file.unlink(missing_ok=True)
