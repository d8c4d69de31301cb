"""Connect with psycopg; `client.py` has the sessions of psql for what has little to say."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from aegisdb.errors import DatabaseRenamed
from aegisdb.postgres.session import (
    CONNECT_TIMEOUT,
    IDENTITY,
    Between,
    Connection,
    Identity,
    begin_looking,
    moment,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from aegisdb.postgres.address import Address

_RENAMED_MEANWHILE = 5
"""How often to try again where the name went to another database while the server let us in (`db.reset` beside it)."""


def connect(address: Address, *, application: str = "aegisdb", timeout: float = CONNECT_TIMEOUT) -> Connection:
    """Open a session on the address's database, in `timeout` seconds at most.

    `application` is what others see in pg_stat_activity. Environment variables of libpq are ignored.

    Raises:
        Unreachable: `unreachable`, or `login` (role, password, pg_hba), or `no_database`.
        Busy: the server has no free connection.
    """
    from aegisdb.postgres import psycopg_session

    return through_renames(lambda: psycopg_session.open_session(address, application=application, timeout=timeout))


def through_renames(open_session: Callable[[], Connection]) -> Connection:
    """Open a session, again where its database was renamed while it connected."""
    for _ in range(_RENAMED_MEANWHILE):
        with suppress(DatabaseRenamed):
            return open_session()
    return open_session()


__all__ = [
    "CONNECT_TIMEOUT",
    "IDENTITY",
    "Between",
    "Connection",
    "Identity",
    "begin_looking",
    "connect",
    "moment",
    "through_renames",
]
