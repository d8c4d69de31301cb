"""Connect: with psycopg, or with a psql child where a command has little to say.

Importing psycopg takes 0.2 s, as much as Invoke itself; a psql child is there in 10 ms but moves rows as JSON. So
`lightly` lets a command begin with psql; from the moment on that something loads psycopg, everybody has that.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
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
    from collections.abc import Iterator
    from pathlib import Path

    from aegisdb.postgres.address import Address

_RENAMED_MEANWHILE = 5
"""How often to try again where the name went to another database while the server let us in (`db.reset` beside it)."""
_programs: list[Path | None] = []  # where psql is, while a command goes lightly


def connect(address: Address, *, application: str = "aegisdb", timeout: float = CONNECT_TIMEOUT) -> Connection:
    """Open a session on the address's database, in `timeout` seconds at most.

    `application` is what others see in pg_stat_activity. Environment variables of libpq are ignored.

    Raises:
        Unreachable: `unreachable`, or `login` (role, password, pg_hba), or `no_database`.
        Busy: the server has no free connection.
    """
    for _ in range(_RENAMED_MEANWHILE):
        with suppress(DatabaseRenamed):
            return _open(address, application, timeout)
    return _open(address, application, timeout)


def _open(address: Address, application: str, timeout: float) -> Connection:
    if _programs and "psycopg" not in sys.modules:
        from aegisdb.postgres import ahead

        return ahead.session(address, bindir=_programs[-1], application=application, timeout=timeout)
    from aegisdb.postgres import psycopg_session

    return psycopg_session.open_session(address, application=application, timeout=timeout)


@contextmanager
def lightly(bindir: Path | None) -> Iterator[None]:
    """Within this, connections are psql's, for as long as nothing has loaded psycopg and where there is a psql."""
    from aegisdb.postgres import ahead, psql

    if not psql.installed(bindir):
        yield
        return
    _programs.append(bindir)
    try:
        yield
    finally:
        _programs.pop()
        ahead.close_all()


def load_driver() -> None:
    """From now on every new connection is psycopg's: for what says much."""
    import aegisdb.postgres.psycopg_session  # noqa: F401  loading it is what is wanted
    from aegisdb.postgres import ahead

    ahead.close_all()  # nobody will ask for them any more, and they would be in the way of a rename


__all__ = [
    "CONNECT_TIMEOUT",
    "IDENTITY",
    "Between",
    "Connection",
    "Identity",
    "begin_looking",
    "connect",
    "lightly",
    "load_driver",
    "moment",
]
