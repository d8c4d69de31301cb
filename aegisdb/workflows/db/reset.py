"""`db.reset`: a fresh database takes the place of the old one, which is kept.

The new database is built beside the old one, verified, and swapped in by renames in one transaction. Until then nothing
of the old one has changed, whatever happens, but for a row in its journal; then it is the snapshot `before-reset`.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.building import spare
from aegisdb.building.levels import require_unnamed
from aegisdb.errors import (
    AegisError,
    Busy,
    DatabaseClosed,
    HistoryError,
    NoDatabase,
    NotRunning,
    Refused,
    UsageError,
)
from aegisdb.fast_dataclass import dataclass
from aegisdb.postgres import closing, databases
from aegisdb.postgres.lock_holder import holder_name
from aegisdb.postgres.locks import replacing_lock
from aegisdb.results import Result
from aegisdb.revisions.load import good_histories, read_histories
from aegisdb.safety import denials, prove, require_disposable, told
from aegisdb.workflows.db.contents import Made, made_of
from aegisdb.workflows.db.fresh_database import KEPT_AS, Wanted, complete_in_place, put_in_place
from aegisdb.workflows.db.snapshots import snapshot_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.building import Level
    from aegisdb.building.inspection import Content
    from aegisdb.dry_run import Planned
    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace

_FRESH = 1.0  # seconds: looking at thousands of files again takes longer than anything else of a warm reset


@dataclass(frozen=True, kw_only=True)
class ResetResult(Result):
    """A fresh database is in place."""

    database: str
    proof: str
    """Why the old one was allowed to go; empty where there was none."""
    kept_as: str
    """The snapshot that the old database became; empty where there was none."""
    undo: str
    flushed: tuple[str, ...]
    """Redis services that were emptied."""
    seconds: float
    made: tuple[Made, ...]
    without: tuple[str, ...] = ()
    """Services that were left out, as was asked for."""


def reset(
    ws: Workspace,
    *,
    volumes: bool = False,
    no_seed: bool = False,
    no_cache: bool = False,
    disconnect: bool = False,
    yes: bool = False,
    without: str = "",
) -> ResetResult:
    """Replace the target's database by a fresh one.

    Args:
        ws: the open workspace.
        volumes: destroy and make anew the whole server first; nothing is kept then.
        no_seed: stop after the histories.
        no_cache: build from nothing instead of cloning a template.
        disconnect: end the sessions of other applications on the database.
        yes: do not ask before `volumes` destroys; serves only a database that is proven to be disposable.
        without: names of services to leave out, with commas between.

    Raises:
        BrokenServices: what stands in the way, each of them, and how to go on without.
        Refused: the database is not disposable. Busy: sessions are on it, or another writer works on it.
        StatementFailed, RevisionFailed or a seed's error: the old database is as it was, the new one is gone.
    """
    began = time.monotonic()
    ws, left_out = leave_out(ws, without)
    histories = _require_files(ws)
    level: Level = "histories" if no_seed else "seeds"
    if volumes:
        from aegisdb.workflows.db.down import down

        down(ws, volumes=True, yes=yes)
    with _started(ws, "db.reset") as (address, conn):
        closing.reopen_abandoned(conn, address)
        replaced, proof = _find(ws, conn, yes=yes, anew=volumes)
        look = None if no_cache or no_seed or volumes else spare.guess(ws, conn)
        with _locked(ws, conn, "db.reset"), _all_broken_told(ws):
            if look:
                look.begin(ws)  # connecting takes as long as what is asked before
            if not replaced and not volumes:  # somebody may have made it while this waited
                replaced, proof = _find(ws, conn, yes=yes)
            if not disconnect:
                _free(ws, conn, address.database)
            if volumes and databases.exists(conn, address.database):
                content = complete_in_place(ws, address, level)
            else:
                histories = _read_again(ws, histories, began)
                wanted = Wanted(ws=ws, conn=conn, level=level, histories=histories, there=replaced)
                content = put_in_place(replace(wanted, cached=not no_cache, disconnect=disconnect), look)
    return _result(ws, content, proof, began, kept=replaced, without=left_out)


def make(ws: Workspace, *, no_seed: bool = False) -> ResetResult | None:
    """As `reset`, but never replace a database; None where there is one, also one made while this waited for the lock.

    Raises:
        Refused: the target is protected. Busy: another writer works for longer than the lock is waited for.
        StatementFailed, RevisionFailed or a seed's error: nothing was kept.
    """
    began = time.monotonic()
    histories = _require_files(ws)
    with _started(ws, "db.prepare") as (address, conn):
        if databases.exists(conn, address.database):
            return None
        proof = _allow(ws, conn, address.database, yes=False, there=False)
        look = None if no_seed else spare.guess(ws, conn)
        with _locked(ws, conn, "db.prepare"):
            if databases.exists(conn, address.database):
                return None
            histories = _read_again(ws, histories, began)
            level: Level = "histories" if no_seed else "seeds"
            content = put_in_place(Wanted(ws=ws, conn=conn, level=level, histories=histories), look)
    return _result(ws, content, proof, began, kept=False)


def leave_out(ws: Workspace, without: str) -> tuple[Workspace, tuple[str, ...]]:
    """The workspace without these services, and their names.

    Raises:
        UsageError: no such service, or one that stays needs it.
    """
    from aegisdb.revisions.order import service_needs

    names = tuple(dict.fromkeys(filter(None, (name.strip() for name in without.split(",")))))
    for name in names:
        ws.registry.service(name)
    found = read_histories(ws.registry) if names else {}
    for name, history in found.items():
        needed = [] if name in names or isinstance(history, HistoryError) else service_needs(ws.registry, history)
        if missing := [other for other in needed if other in names]:
            raise UsageError(
                f"{name} needs {', '.join(missing)}, so it cannot be built without",
                hint=f"leave it out too: --without {','.join((*names, name))}",
            )
    return ws.without(names), names


def plan_reset(
    ws: Workspace, *, volumes: bool = False, no_seed: bool = False, yes: bool = False, without: str = ""
) -> Planned:
    """What `reset` would build, replace and drop; raises what it would, as far as that can be known before."""
    from aegisdb.dry_run import Planned
    from aegisdb.workflows.db.down import plan_down

    ws, left_out = leave_out(ws, without)
    _require_files(ws)
    level: Level = "histories" if no_seed else "seeds"
    steps = list(plan_down(ws, volumes=True).steps) if volumes else []
    try:
        address = ws.address()
    except NotRunning:
        return Planned(steps=(*steps, f"start the {ws.server.kind} server", f"build a database up to {level}"))
    live, kept = address.database, snapshot_database(address.database, KEPT_AS)
    but = f" without {', '.join(left_out)}" if left_out else ""
    steps.append(f"build a database up to {level}{but}, beside the live one")
    with databases.maintenance(address, application="aegisdb: db.reset") as conn:
        there, proof = _find(ws, conn, yes=yes, anew=volumes)
        if there:
            steps.append(f"keep database {live} as {kept} ({proof})")
            steps += [f"drop the former {kept}"] if databases.exists(conn, kept) else []
    steps.append(f"call the new one {live}")
    return Planned(steps=tuple(steps))


def _require_files(ws: Workspace) -> dict[str, History]:
    """Refuse files that cannot be read, before anything is contacted.

    Raises:
        BrokenServices: histories cannot be read; with all of them.
    """
    try:
        histories = good_histories(ws.registry)
    except HistoryError as error:
        from aegisdb.building.buildable import all_broken

        raise all_broken(ws, error) or error from None
    require_unnamed(ws)
    return histories


@contextmanager
def _all_broken_told(ws: Workspace) -> Iterator[None]:
    """Where one service's history stops the build, say which others would, and how to go on without them."""
    try:
        yield
    except AegisError as error:
        if not error.service:
            raise
        from aegisdb.building.buildable import all_broken

        raise all_broken(ws, error) or error from None


@contextmanager
def _locked(ws: Workspace, conn: Connection, command: str) -> Iterator[None]:
    address = ws.address()
    with replacing_lock(address, wait=ws.lock_wait, command=command, listen=ws.listen, conn=conn, client=ws.client):
        yield


def _result(
    ws: Workspace, content: Content, proof: str, began: float, *, kept: bool, without: tuple[str, ...] = ()
) -> ResetResult:
    return ResetResult(
        database=ws.address().database,
        proof=proof,
        kept_as=KEPT_AS if kept else "",
        undo=f"invoke db.restore {KEPT_AS}" if kept else "",
        flushed=ws.server.flush(),
        seconds=time.monotonic() - began,
        made=made_of(ws.registry, content),
        without=without,
    )


@contextmanager
def _started(ws: Workspace, command: str) -> Iterator[tuple[Address, Connection]]:
    """The running server: where the database is, and a session on the maintenance database that can hold the lock."""
    if not ws.server.has_data():
        from aegisdb.runtime.forkserver import warm_process

        warm_process(ws.registry)  # everything will have to be built: its imports take a second, beside initdb
    with ExitStack() as at_end:
        at_end.callback(ws.client.close)
        with suppress(NoDatabase, DatabaseClosed):
            ws.server.start(ws.listen, ws.client, at_end)
        address = ws.address()
        with databases.maintenance(address, application=holder_name(command), client=ws.client) as conn:
            yield address, conn


def _read_again(ws: Workspace, histories: dict[str, History], began: float) -> dict[str, History]:
    """The histories, from files that may have changed where the lock was waited for."""
    return good_histories(ws.registry) if time.monotonic() - began > _FRESH else histories


def _find(ws: Workspace, conn: Connection, *, yes: bool, anew: bool = False) -> tuple[bool, str]:
    """Whether a database is to be replaced, none on a server made `anew`, and why it may be; raises as `reset`."""
    live = ws.address().database
    there = databases.exists(conn, live) and not anew
    return there, _allow(ws, conn, live, yes=yes, there=there)


def _allow(ws: Workspace, conn: Connection, live: str, *, yes: bool, there: bool) -> str:
    """The evidence that the old database may go, empty where there is none."""
    if there:
        proof = require_disposable(ws, conn, verb="db.reset", database=live, undoable=True, yes=yes)
        return f"{proof.kind}: {proof.evidence}"
    said = told(conn, live)
    if reasons := denials(ws, conn, said):
        raise Refused(f"db.reset is refused: {'; '.join(reasons)}", hint="use another target", code="protected")
    found = prove(ws, conn, said)
    return f"{found.kind}: {found.evidence}" if found else ""


def _free(ws: Workspace, conn: Connection, live: str) -> None:
    """See to it that nobody is on the database, before any work is done for it."""
    ours = ws.client.waiting(ws.address())
    try:
        databases.wait_until_free(conn, live, wait=1.0, but=ours)
    except Busy:
        with closing.advised():
            raise databases.in_use(conn, live, "replaced", but=ours) from None
