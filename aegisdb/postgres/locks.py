"""One writer per database.

The lock is a session-level advisory lock on its own autocommit session, tried and never waited for: a waiting
pg_advisory_lock() is a transaction with a snapshot, and CREATE INDEX CONCURRENTLY of the holder would wait for it (a
deadlock). It lives in the maintenance database under a key made of the database's name: neither holder nor waiters are
sessions of the database itself, so it can be renamed and cloned under the lock, and the lock stays with the name.
"""

from __future__ import annotations

import hashlib
import random
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aegisdb.errors import Busy, Unreachable
from aegisdb.fast_dataclass import dataclass
from aegisdb.postgres import ahead
from aegisdb.postgres.connection import connect, moment
from aegisdb.postgres.databases import maintenance
from aegisdb.postgres.markers import who

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection
    from aegisdb.progress import Listener

_SHORTEST, _LONGEST = 0.05, 0.4  # seconds between two tries
_HOLDER = """
    SELECT a.pid, coalesce(a.application_name, ''), coalesce(host(a.client_addr), 'local'), a.state_change
      FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database =
           (SELECT oid FROM pg_database WHERE datname = current_database())
       AND (l.classid::bigint << 32) | l.objid::bigint = %s"""


@dataclass(frozen=True)
class Holder:
    """Who holds the writer lock of a database."""

    pid: int
    application: str
    client: str
    since: datetime

    def __str__(self) -> str:
        command = self.application.removeprefix("aegisdb: ")
        return f"{command} from {self.client} (server pid {self.pid}) since {self.since:%H:%M:%S}"


@contextmanager
def writer_lock(
    address: Address, *, wait: float, command: str, listen: Listener | None = None, conn: Connection | None = None
) -> Iterator[None]:
    """Hold the writer lock of the address's database; `wait` seconds for another holder, who is told to `listen`.

    The lock goes with the session: whoever holds it and dies, by whatever signal, frees it at once. `conn` is a session
    on the maintenance database that will hold it, where the caller has one that runs no migration; else one is opened.

    Raises:
        Busy: somebody else still holds it; names user, host, command and since when.
    """
    if conn is None:
        with _lock_session(address, holder_name(command)) as own:
            _acquire(own, address.database, wait, listen)
            yield
        return
    _keep_alive(conn)
    _acquire(conn, address.database, wait, listen)
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute_soon(f"SELECT pg_advisory_unlock({lock_key(address.database)})")


def holder_name(command: str) -> str:
    """The application name of a session that holds the lock for a command."""
    return f"aegisdb: {command} {who()}"


def holder(address: Address) -> Holder | None:
    """Who holds the writer lock of the address's database now."""
    with _lock_session(address, "aegisdb: look for the lock's holder") as conn:
        return _holder(conn, address.database)


def lock_key(database: str) -> int:
    """The 64-bit advisory lock key of a database's name."""
    return int.from_bytes(hashlib.sha256(f"aegisdb:writer:{database}".encode()).digest()[:8], signed=True)


def _acquire(conn: Connection, database: str, wait: float, listen: Listener | None) -> None:
    deadline = time.monotonic() + wait
    told = False
    while not conn.value("SELECT pg_try_advisory_lock(%s)", (lock_key(database),)):
        ahead.close_all()  # one that waits for being asked would be in the way of who holds the lock
        if time.monotonic() >= deadline:
            found = _holder(conn, database)
            by = f" by {found}" if found else ""
            raise Busy(
                f"database {database!r} is locked{by}",
                hint=f"waited {wait:g} s; wait longer with --lock-wait SECONDS; nothing changed",
                code="locked",
            )
        if not told and listen is not None:
            from aegisdb.progress import Event

            listen(Event(step="wait for the lock", subject=database, note=str(_holder(conn, database) or "")))
            told = True
        time.sleep(random.uniform(_SHORTEST, _LONGEST))  # noqa: S311  jitter, no secret
    if told and listen is not None:
        from aegisdb.progress import Event

        listen(Event(step="wait for the lock", subject=database, over=True))


def _holder(conn: Connection, database: str) -> Holder | None:
    for pid, application, client, since in conn.rows(_HOLDER, (lock_key(database),)):
        return Holder(pid, application, client, moment(since))
    return None


def _lock_session(address: Address, application: str) -> Connection:
    try:
        conn = maintenance(address, application=application)
    except Unreachable as error:
        if error.code not in {"login", "no_database"}:
            raise
        # a hosted server may keep the role out of `postgres`; then all its roles lock in the database itself
        conn = connect(address, application=application)
    _keep_alive(conn)
    return conn


def _keep_alive(conn: Connection) -> None:
    # a session whose client died with the machine or the cable must not keep the lock
    conn.execute_soon("SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3")
