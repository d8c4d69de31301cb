"""`db.down`: the target's server stops; `--volumes` deletes its data, which needs a proof that it may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.dry_run import Planned
from aegisdb.errors import AegisError, Busy, LoginRefused, NotRunning, Refused
from aegisdb.plain_text import some_of
from aegisdb.results import Result

if TYPE_CHECKING:
    from aegisdb.postgres.address import Address
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class DownResult(Result):
    """The server that was stopped, and what was deleted."""

    server: str
    """Kind of server: embedded, compose."""
    stopped: bool
    """False: it did not run and there was nothing to delete."""
    data_deleted: bool
    proof: str = ""
    """Why its data could be deleted."""


def down(ws: Workspace, *, volumes: bool = False, yes: bool = False) -> DownResult:
    """Stop the target's server; with `volumes` delete all of its data, every database and snapshot, for good.

    Nothing is stopped under a running writer. Deleting is decided on an open connection, so a stopped server is
    started for it; `yes` answers the question, but only for a server that is proven to be this project's own.

    Raises:
        Refused: a URL's server; or no proof for `volumes`, or the typed name was wrong.
        Busy: a writer holds the database's lock.
    """
    if not ws.server.managed:
        ws.server.stop(destroy=volumes)  # which refuses
    if not volumes:
        _nobody_elses_work(ws)
        if address := _address(ws):
            _no_writer(ws, address)
        return DownResult(server=ws.server.kind, stopped=ws.server.stop(), data_deleted=False)
    if not ws.server.has_data():
        return DownResult(server=ws.server.kind, stopped=ws.server.stop(destroy=True), data_deleted=False)
    address = _started(ws)
    _require_no_others(ws)  # a server that is stopped tells of nobody
    proof = _require_own(ws, address, yes=yes)
    return DownResult(server=ws.server.kind, stopped=ws.server.stop(destroy=True), data_deleted=True, proof=f"{proof}")


def plan_down(ws: Workspace, *, volumes: bool = False) -> Planned:
    """List what `down` would stop and delete.

    Raises:
        Refused: a URL's server.
    """
    if not ws.server.managed:
        ws.server.stop(destroy=volumes)  # which refuses
    runs = _address(ws) is not None
    steps = [f"stop the {ws.server.kind} server {ws.server.label()}"] if runs else []
    if volumes and ws.server.has_data():
        steps.append("delete all of its data: every database and snapshot, for good")
    return Planned(steps=tuple(steps) or ("nothing: it does not run",))


def _others(ws: Workspace) -> list[str]:
    """Databases of other checkouts."""
    from aegisdb.postgres.databases import maintenance

    if (address := _address(ws)) is None:
        return []
    try:
        with maintenance(address) as conn:
            names = [name for (name,) in conn.rows("SELECT datname FROM pg_database ORDER BY 1")]
    except LoginRefused:
        return []  # a changed password is no reason to keep it running
    return [name for name in names if ws.server.checkouts.is_others(name)]


def _nobody_elses_work(ws: Workspace) -> None:
    from aegisdb.postgres.databases import maintenance, sessions

    for name in _others(ws):
        with maintenance(ws.address()) as conn:
            found = sessions(conn, name)
        if found:
            raise Busy(
                f"another checkout works with this server: {found[0]} on database {name}",
                hint="end it there first, or leave the server running",
                code="in_use",
            )


def _require_no_others(ws: Workspace) -> None:
    if others := _others(ws):
        raise Refused(
            f"the server has databases of other checkouts, which would go too: {some_of(others)}",
            hint="remove their worktrees (git worktree remove), then invoke db.cache --drop",
            code="shared",
        )


def _address(ws: Workspace) -> Address | None:
    try:
        return ws.address()
    except NotRunning:
        return None


def _started(ws: Workspace) -> Address:
    try:
        return ws.server.start(ws.listen)
    except AegisError as error:
        hint = f"to delete its data by hand: `aegisdb explain targets`, after: {error.hint}" if error.hint else ""
        raise error.amended(hint=hint) from None


def _no_writer(ws: Workspace, address: Address) -> None:
    from aegisdb.postgres.locks import replacing_lock

    try:
        with replacing_lock(address, wait=ws.lock_wait, command=ws.command or "db.down", listen=ws.listen):
            pass
    except LoginRefused:
        pass  # a changed password is no reason to keep it running


def _require_own(ws: Workspace, address: Address, *, yes: bool) -> str:
    from aegisdb.postgres.databases import maintenance
    from aegisdb.safety import require_disposable

    _no_writer(ws, address)
    with maintenance(address) as conn:
        proof = require_disposable(ws, conn, verb="db.down --volumes", database=address.database, yes=yes)
        if ws.server.disposable(conn) is None:
            # a marker or a typed name speaks for one database, not for all of the server's
            raise Refused(
                "db.down --volumes deletes every database of the server, and nothing proves the server to be ours",
                hint="drop the one database with db.reset, or stop the server where it was started",
                code="shared",
            )
    return f"{proof.kind}: {proof.evidence}"
