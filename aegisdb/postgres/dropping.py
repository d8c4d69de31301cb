"""Databases are dropped at the same time: each DROP waits for a checkpoint, and those asked for together are one.

A checkpoint writes to disk whatever is new, also the hundreds of files of a database that will be dropped next. So what
several processes have retired is dropped at once, by one of them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError
from aegisdb.postgres import databases
from aegisdb.postgres.scratch import lock_key, retired

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection

_SESSIONS = 32


@contextmanager
def making(conn: Connection, database: str) -> Iterator[None]:
    """Make a database while none is dropped: one that is half made would be written to disk by each checkpoint."""
    conn.value(f"SELECT pg_advisory_lock_shared({_key(database)})::text")
    try:
        yield
    finally:
        if not conn.closed:
            conn.value(f"SELECT pg_advisory_unlock_shared({_key(database)})")


def drop_retired(conn: Connection, address: Address) -> None:
    """Drop the retired scratch databases of this database, whoever made them, while nobody is `making` others.

    What cannot be dropped is an orphan as soon as its maker has ended.
    """
    conn.value(f"SELECT pg_advisory_lock({_key(address.database)})::text")
    try:
        names = retired(conn, address.database)
        _drop_together([address.with_database(name) for name in names])
        for name in names:
            databases.drop(conn, name, force=True)  # where there were too few sessions
    finally:
        if not conn.closed:
            conn.value(f"SELECT pg_advisory_unlock({_key(address.database)})")


def _key(database: str) -> int:
    return lock_key(f"{database}: make or drop")


def _drop_together(addresses: Sequence[Address]) -> None:
    wanted = min(len(addresses), _SESSIONS)
    if wanted < 2:  # noqa: PLR2004  nothing to do at the same time
        return
    with ThreadPoolExecutor(wanted) as pool, ExitStack() as ending:
        sessions = list(filter(None, pool.map(_session, addresses[:wanted])))
        for conn in sessions:
            ending.enter_context(conn)
        shares = [addresses[number :: len(sessions)] for number in range(len(sessions))]
        list(pool.map(_drop_all, sessions, shares))


def _session(address: Address) -> Connection | None:
    """None where the server has no room for another one."""
    try:
        return databases.maintenance(address, application="aegisdb: drop")
    except AegisError:
        return None


def _drop_all(conn: Connection, addresses: Sequence[Address]) -> None:
    for address in addresses:
        with suppress(AegisError):  # tried again by who called
            databases.drop(conn, address.database, force=True)
