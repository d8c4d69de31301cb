"""`db.shell`: psql on the target's database."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from aegisdb.workspace import Workspace


def shell(ws: Workspace) -> NoReturn:
    """Become psql on the target's database; never returns.

    Raises:
        Unreachable: no server, no login or no such database, said before psql starts.
        Failed: psql is not installed.
    """
    from aegisdb.postgres import psql

    ws.connect().close()
    psql.shell(ws.address(), ws.server.bindir())
