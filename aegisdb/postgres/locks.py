"""One writer per database.

Who writes into a database holds a transaction-level advisory lock, in an open transaction of a session of its own in
that database, under a key made of its oid: neither an alias of the database nor another role leads to another lock, a
pooler cannot give the session to somebody else while its transaction is open, and what ends idle sessions or
transactions is switched off in it. Between statements such a transaction has no snapshot, so CREATE INDEX CONCURRENTLY
runs beside it. It is tried and never waited for in the server.

Who replaces, copies or makes a whole database can have no session in it. He holds a session-level lock on its name, in
the maintenance database, and works when no writer is left. Each of the two takes his own lock first and looks for the
other's then, so they never both go on; a writer who finds a replacer gives way and leaves the database.
"""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError, Busy, DatabaseClosed, NoDatabase, Unreachable
from aegisdb.postgres.capabilities import CREATE_DATABASE
from aegisdb.postgres.connection import connect
from aegisdb.postgres.databases import maintenance
from aegisdb.postgres.lock_holder import CLASS, REPLACERS, WRITERS, Holder, first_holder, holder, holder_name, name_key
from aegisdb.postgres.quoting import quote_literal
from aegisdb.postgres.route import require, require_own, require_primary, require_undivided
from aegisdb.postgres.signs_of_life import giving_signs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.client import Client
    from aegisdb.postgres.connection import Connection
    from aegisdb.progress import Listener

_ENDED_MOST = 3
_SHORTEST, _LONGEST = 0.05, 0.4  # seconds between two tries
_UNENDING = ("idle_in_transaction_session_timeout", "transaction_timeout", "statement_timeout")
# a session whose client died with the machine or the cable must not keep the lock
_KEEPALIVES = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
_LOCAL = "SELECT " + ", ".join(
    [
        # transaction_timeout is there since 17
        *(f"CASE WHEN current_setting('{n}', true) <> '' THEN set_config('{n}', '0', true) END" for n in _UNENDING),
        *(f"set_config('{name}', '{value}', true)" for name, value in _KEEPALIVES.items()),
    ]
)
_TRY_WRITER = f"""
    SELECT pg_try_advisory_xact_lock(({CLASS}::bigint << 32) | oid::bigint), pg_backend_pid()
      FROM pg_database WHERE datname = current_database()"""  # noqa: S608  constants of ours
_REQUIRE_HELD = f"""DO $$ BEGIN
  PERFORM FROM pg_locks WHERE locktype = 'advisory' AND classid = {CLASS} AND granted AND pid = {{pid}};
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the writer lock is not held any more';
  END IF;
END $$"""
_KEPT_ALIVE = "; ".join(f"SET {name} = {value}" for name, value in {**_KEEPALIVES, "idle_session_timeout": 0}.items())


class LockLost(Busy):
    """The session that held the writer lock has ended: another session may be writing now."""

    default_code = "lock_lost"


class WriterLock:
    """The held lock of a writer; `pid` is the server process that holds it."""

    def __init__(self, conn: Connection, database: str, pid: int) -> None:
        self._conn = conn
        self._database = database
        self.require_held = _REQUIRE_HELD.format(pid=pid)
        """SQL that fails where the lock is not held any more: as the last statement of a transaction it undoes that."""

    def prove(self) -> None:
        """Ask for a sign of life: the transaction that answers is the one that holds the lock.

        Raises:
            LockLost: there is none.
        """
        try:
            self._conn.execute("SELECT 1")
        except AegisError as error:
            raise LockLost(
                f"the session that held the writer lock of database {self._database!r} is gone: {error.message}",
                hint="run it again: it begins where the last finished step has left the database",
            ) from None


@contextmanager
def writer_lock(address: Address, *, wait: float, command: str, listen: Listener | None = None) -> Iterator[WriterLock]:
    """Hold the lock of a writer in the address's database; `wait` seconds for another holder, who is told to `listen`.

    It goes with the session: whoever holds it and dies, by whatever signal, frees it at once. That it is still held is
    for the body to prove before each of its steps; at the end of the body it is proven here.

    Raises:
        Busy: somebody else still holds it; names user, host, command and since when. LockLost: it was not held on.
        Refused: a standby, or a session that a pooler gives to others too.
    """
    with _locked_session(address, command, _Waiting(address.database, wait, listen)) as lock:
        yield lock
        lock.prove()


@contextmanager
def replacing_lock(
    address: Address,
    *,
    wait: float,
    command: str,
    listen: Listener | None = None,
    conn: Connection | None = None,
    client: Client | None = None,
) -> Iterator[None]:
    """Hold the lock on the name of the address's database, which nobody writes into meanwhile; it need not be there.

    `conn` is a session on the maintenance database that will hold it, where the caller has one; else one is opened.
    It is that session which should rename: when it ends the lock is gone, and it renames nothing any more. Before this
    waits, it closes the sessions that wait in `client`: they would be in the way of who holds the lock.

    Raises:
        Busy: somebody else writes or replaces; names user, host, command and since when.
        Refused: a standby, or a pooler.
    """
    if conn is None:
        with (
            maintenance(address, application=holder_name(command)) as own,
            replacing_lock(address, wait=wait, command=command, listen=listen, conn=own),
        ):
            yield
        return
    require_primary(conn, command)
    require_undivided(conn, command)
    require(conn, CREATE_DATABASE, command)
    conn.execute_soon(_KEPT_ALIVE)
    try:
        _lock_name(conn, _Waiting(address.database, wait, listen, client=client))
        yield
    finally:
        if not conn.closed:
            conn.execute_soon(f"SELECT pg_advisory_unlock({name_key(address.database)})")


def let_in(
    address: Address, connecting: Callable[[], Connection], *, wait: float, listen: Listener | None = None
) -> Connection:
    """Return the session that `connecting` opens in the address's database.

    Where a living run of ours lets nobody in while it copies or replaces the database (`--disconnect`), wait `wait`
    seconds for it.

    Raises:
        Busy: it is still at work; names it. DatabaseClosed: nobody of ours is at work; and what `connecting` raises.
    """
    return _let_in(connecting, address, _Waiting(address.database, wait, listen, hint="run it again"))


class _Waiting:
    """How long a command waits for a lock, and who is told of it."""

    def __init__(
        self,
        database: str,
        wait: float,
        listen: Listener | None,
        hint: str = "wait longer with --lock-wait SECONDS; nothing changed",
        client: Client | None = None,
    ) -> None:
        self.database = database
        self._client = client
        self._wait = wait
        self._hint = hint
        self._listen = listen
        self._deadline = time.monotonic() + wait
        self._told = False

    def pause(self, by: Holder | None) -> None:
        """Wait a moment; raises Busy when it was long enough."""
        if self._client is not None:
            self._client.close()
        if time.monotonic() >= self._deadline:
            raise Busy(
                f"database {self.database!r} is locked{f' by {by}' if by else ''}",
                hint=self._ended(by),
                code="locked",
            )
        if not self._told:
            self._tell(note=str(by or ""))
            self._told = True
        time.sleep(random.uniform(_SHORTEST, _LONGEST))  # noqa: S311  jitter, no secret

    def _ended(self, by: Holder | None) -> str:
        if by is not None and by.lost:
            return f"nothing changed; if {by.application.rpartition(' ')[2]} does not run it any more: {by.end}"
        return f"waited {self._wait:g} s; {self._hint}"

    def over(self) -> None:
        """Say that it has come to its end, where it was told of."""
        if self._told:
            self._tell(over=True)
            self._told = False

    def _tell(self, *, note: str = "", over: bool = False) -> None:
        if self._listen is not None:
            from aegisdb.progress import Event

            self._listen(Event(step="wait for the lock", subject=self.database, note=note, over=over))


@contextmanager
def _locked_session(address: Address, command: str, waiting: _Waiting) -> Iterator[WriterLock]:
    """A session with the lock in its open transaction; whoever replaces the database finds none while this waits."""
    replaced_by, ended = None, 0
    while True:
        try:
            conn = _let_in(lambda: connect(address, application=holder_name(command)), address, waiting)
        except NoDatabase:
            if replaced_by is None:  # else it is just being renamed
                raise
        else:
            with conn:
                try:
                    require_primary(conn, command)
                    require_own(conn, command)
                    pid, replaced_by = _lock_writer(conn, waiting)
                except Unreachable:  # --disconnect of another run ends every session; this one has done nothing yet
                    ended += 1
                    if not conn.closed or ended == _ENDED_MOST:
                        raise
                    continue
                if replaced_by is None:
                    waiting.over()
                    with giving_signs(conn):
                        yield WriterLock(conn, address.database, pid)
                    return
        waiting.pause(replaced_by)


def _let_in(connecting: Callable[[], Connection], address: Address, waiting: _Waiting) -> Connection:
    opened_meanwhile = False
    while True:
        try:
            conn = connecting()
        except DatabaseClosed:
            by = holder(address)
            if by is None and opened_meanwhile:
                raise
            opened_meanwhile = by is None  # who closed it may just have opened it again
            if by is not None:
                waiting.pause(by)
        else:
            waiting.over()
            return conn


def _lock_writer(conn: Connection, waiting: _Waiting) -> tuple[int, Holder | None]:
    """Begin the transaction with the lock; returns its server process, or who replaces the database instead of it."""
    while True:
        *_, ((got, pid),) = conn.results(["BEGIN", _LOCAL, _TRY_WRITER])
        by = first_holder(conn, "current_database()", REPLACERS if got else WRITERS)
        if got and by is None:
            return pid, None
        conn.execute("ROLLBACK")
        if got:
            return pid, by
        waiting.pause(by)


def _lock_name(conn: Connection, waiting: _Waiting) -> None:
    while not conn.value(f"SELECT pg_try_advisory_lock({name_key(waiting.database)})"):
        waiting.pause(first_holder(conn, quote_literal(waiting.database), REPLACERS))
    while by := first_holder(conn, quote_literal(waiting.database), WRITERS):
        waiting.pause(by)
    waiting.over()
