"""`db.up` and `db.wait`: the target's server answers, or it is said why not."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.errors import LoginRefused, Unreachable
from aegisdb.progress import Event
from aegisdb.results import Result

if TYPE_CHECKING:
    from aegisdb.postgres.address import Address
    from aegisdb.workspace import Workspace

_POLL = 0.2


@dataclass(frozen=True, kw_only=True)
class UpResult(Result):
    """A server that answers."""

    server: str
    """Kind of server: embedded, compose, url."""
    version: int
    """The server's version as in `server_version_num`: 180006 for 18.6."""
    address: str
    """The target's database as a URL, the password masked."""
    database_exists: bool
    """False until `db.reset` or `db.prepare` has made it."""
    seconds: float


def up(ws: Workspace) -> UpResult:
    """Start the target's server, unless it runs, and log in; a server of a URL is only asked.

    Raises:
        Unreachable: it cannot be started or does not let the role in.
        Failed: it was started and died; with its last log lines.
    """
    began = time.monotonic()
    address = ws.server.start(ws.listen, ws.client)
    return _look(ws, address, began)


def wait(ws: Workspace, *, timeout: float) -> UpResult:
    """Wait until the target's DATABASE accepts a login; start nothing.

    Raises:
        Unreachable: it does not within `timeout` seconds; the last reason.
    """
    began = time.monotonic()
    ws.listen(Event(step="wait", subject=ws.server.label()))
    while True:
        try:
            ws.connect().close()
        except Unreachable as error:
            if time.monotonic() - began + _POLL > timeout or isinstance(error, LoginRefused):
                raise
            time.sleep(_POLL)
        else:
            return _look(ws, ws.address(), began)


def _look(ws: Workspace, address: Address, began: float) -> UpResult:
    from aegisdb.postgres.databases import exists, maintenance

    with maintenance(address) as conn:
        return UpResult(
            server=ws.server.kind,
            version=conn.identity().server_version,
            address=address.masked,
            database_exists=exists(conn, address.database),
            seconds=time.monotonic() - began,
        )
