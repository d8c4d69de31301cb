"""Connections of psycopg. THE module that imports it, in 0.2 s: through `connection.connect` it is loaded late."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aegisdb.errors import AegisError, NoAnswer, Unreachable

try:
    import psycopg
    from psycopg.pq import ExecStatus, TransactionStatus
except ImportError as error:
    raise Unreachable(
        f"psycopg cannot be loaded: {str(error).strip().partition(chr(10))[0]}",
        hint="pip install 'psycopg[binary]' in the environment of aegisdb, or install libpq",
        code="driver",
    ) from None

from aegisdb.postgres import server_errors
from aegisdb.postgres.capabilities import ENOUGH_SESSIONS
from aegisdb.postgres.session import CATALOG_FIRST, IDENTITY, Connection, begin_looking

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.session import Between

_APPLICATION_BYTES = 63
_LOOKS_FOR_CLIENTS_SINCE = 140000

_TURNED_AWAY = "server closed the connection unexpectedly"
_environment_lock = threading.Lock()
_ENDING = 2.0  # seconds: a server with a single session has not seen yet that our last one has ended
_POLL = 0.05
_reached: set[tuple[tuple[str, int], ...]] = set()
_open: weakref.WeakSet[DriverConnection] = weakref.WeakSet()


class DriverConnection(Connection):
    """A session of psycopg."""

    def __init__(self, address: Address, raw: psycopg.Connection[tuple[Any, ...]]) -> None:
        super().__init__(address)
        self._raw = raw
        _open.add(self)
        _reached.add(address.places)
        self._apart = False
        """Whether each look is a transaction of its own."""

    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """As `Connection.execute`; also several statements where there are no parameters, as one transaction."""
        with self._translated(sql):
            self._run(sql, params)

    def execute_together(self, statements: Sequence[str]) -> None:
        """As `Connection.execute_together`."""
        self.execute(";\n".join(statements))

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """As `Connection.rows`."""
        if self._apart and self._raw.info.transaction_status == TransactionStatus.IDLE:
            with self.looking():
                return self.rows(sql, params)
        with self._translated(sql):
            return self._run(sql, params).fetchall()

    def results(self, statements: Sequence[str]) -> list[list[tuple[Any, ...]]]:
        """As `Connection.results`."""
        together = ";\n".join(statements)
        found = []
        with self._translated(together):
            cursor = self._run(together, ())
            for _ in statements:
                # `description` would describe each column
                found.append(cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else [])
                cursor.nextset()
        return found

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """As `Connection.transaction`."""
        with self._translated("COMMIT"), self._raw.transaction():
            yield

    @contextmanager
    def looking(self, *, statement_timeout: str = "") -> Iterator[None]:
        """As `Connection.looking`; what the session has reached is asked in the same message."""
        if self._raw.info.transaction_status != TransactionStatus.IDLE:
            with super().looking(statement_timeout=statement_timeout):
                yield
            return
        asked = [IDENTITY] if self._identity is None else []
        *_, rows = self.results(["BEGIN", *begin_looking(statement_timeout), *asked])
        if asked:
            self._identity = self._identified(rows[0])
        try:
            yield
        finally:
            if not self.closed:
                self.execute("ROLLBACK")

    def between(self) -> Between:
        """As `Connection.between`."""
        self.identity()
        if self._pid != self._raw.info.backend_pid:
            return "pooler"
        client_port, server_port = self._ports
        if client_port is None:
            return "direct"
        with socket.socket(fileno=os.dup(self._raw.fileno())) as own:
            if own.family not in {socket.AF_INET, socket.AF_INET6}:
                return "proxy"
            seen = own.getsockname()[1], own.getpeername()[1]
        return "direct" if seen == (client_port, server_port) else "proxy"

    def value_within(self, sql: str, seconds: float) -> Any:
        """As `Connection.value_within`."""
        libpq, deadline = self._raw.pgconn, time.monotonic() + seconds
        with self._translated(sql):
            libpq.send_query(sql.encode())
            while libpq.is_busy():
                if not select.select([libpq.socket], [], [], max(0.0, deadline - time.monotonic()))[0]:
                    raise TimeoutError
                libpq.consume_input()
            result = libpq.get_result()
            while libpq.get_result() is not None:
                pass
        if result is not None and result.status == ExecStatus.FATAL_ERROR:
            raise server_errors.lost(result.error_message.decode(errors="replace"), self.address)
        value = result.get_value(0, 0) if result is not None and result.ntuples else None
        return int(value) if value is not None else None

    def settled(self) -> Address:
        """As `Connection.settled`."""
        return self.address.settled(self._raw.info.host, self._raw.info.port)

    def stay(self) -> None:
        """As `Connection.stay`."""
        self.require_supported()
        self.execute(
            "SELECT set_config('idle_session_timeout', '0', false) WHERE pg_backend_pid() = %s",
            (self._raw.info.backend_pid,),
        )

    def wait_briefly(self) -> None:
        """As `Connection.wait_briefly`."""
        if self.between() == "pooler":
            self._apart = True
        else:
            super().wait_briefly()

    @property
    def backend_pid(self) -> int:
        """The server process of this session."""
        return self._raw.info.backend_pid

    @property
    def closed(self) -> bool:
        """Closed by us or by the server."""
        return self._raw.closed

    def is_alive(self) -> bool:
        """Whether nothing has come in that nobody asked for: the end of the session, or the word of a dying server."""
        return not self.closed and not select.select([self._raw.fileno()], [], [], 0)[0]

    def leave(self, sql: str) -> bool:
        """As `Connection.leave`: a server that is told not to looks for its client only when it answers."""
        if self.closed or self._raw.info.transaction_status != TransactionStatus.IDLE:
            return False
        try:
            if self.identity().server_version >= _LOOKS_FOR_CLIENTS_SINCE:
                self.execute("SET client_connection_check_interval = 0")
            self._raw.pgconn.send_query(sql.encode())
            sent = self._raw.pgconn.flush() == 0
        except (psycopg.Error, AegisError):
            return False
        if sent:
            self._raw.close()
        return sent

    def close(self) -> None:
        """End the session."""
        self._raw.close()

    def _run(self, sql: str, params: Sequence[Any]) -> psycopg.Cursor[tuple[Any, ...]]:
        # bytes, because psycopg types text as a literal; names that go into our SQL pass through quote_ident
        return self._raw.execute(sql.encode(), params or None)

    @contextmanager
    def _translated(self, sql: str) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise self._translate(error, sql) from None

    def _translate(self, error: psycopg.Error, sql: str) -> AegisError:
        if self._raw.closed:
            return server_errors.lost(error.diag.message_primary or str(error), self.address)
        return server_errors.of_statement(
            error.diag.message_primary or str(error),
            self.address,
            sql,
            sqlstate=error.sqlstate or "",
            detail=error.diag.message_detail or "",
            hint=error.diag.message_hint or "",
        )


def open_session(address: Address, *, application: str, timeout: float) -> DriverConnection:
    """A session of psycopg; arguments and errors are those of `connection.connect`."""
    parameters: dict[str, Any] = {
        **dict(address.parameters),
        "host": address.socket or address.hosts,
        "port": address.ports,
        "user": address.user,
        "dbname": address.database,
        "application_name": application.encode()[:_APPLICATION_BYTES].decode(errors="ignore"),
        "connect_timeout": max(2, int(timeout)),  # libpq takes whole seconds, 2 at least
    }
    if password := address.password.reveal():
        parameters["password"] = password
    began = time.monotonic()
    raw = _connected(address, parameters)
    conn = DriverConnection(address, raw)
    # not in a session that a pooler has between us and the server, which others get after us
    first = CATALOG_FIRST.format(only=f"AND pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) {raw.info.backend_pid}")
    if not (address.ours or address.socket):
        _require_answer(conn, first, max(1.0, timeout - (time.monotonic() - began)))
    else:
        with conn.kept():
            conn.execute(first)
    return conn


def _connected(address: Address, parameters: dict[str, Any]) -> psycopg.Connection[tuple[Any, ...]]:
    deadline = time.monotonic() + _ENDING
    while True:
        try:
            with _without_libpq_environment():
                return psycopg.connect(autocommit=True, prepare_threshold=None, **parameters)
        except psycopg.Error as error:
            why = server_errors.of_connecting(str(error), address)
        if not (isinstance(why, NoAnswer) and _TURNED_AWAY in why.message and address.places in _reached):
            raise why
        # it let us in before: a server that has a single session says no word of it, nor does one that is just dying
        if time.monotonic() > deadline:
            if ours := [one for one in list(_open) if one.address.places == address.places and one.is_alive()]:
                raise ENOUGH_SESSIONS.refusal("this command", f"{address} gives us no other beside {len(ours)}")
            raise why
        time.sleep(_POLL)


def _require_answer(conn: DriverConnection, sql: str, seconds: float) -> None:
    """Ask the server itself: a pooler lets clients in by itself, and lets them wait for a server that is gone."""
    with conn.kept():
        try:
            conn.value_within(sql, seconds)
        except TimeoutError:
            raise server_errors.behind_pooler(conn.address) from None
        except Unreachable as error:
            raise server_errors.behind_pooler(conn.address, error.message) from None


@contextmanager
def _without_libpq_environment() -> Iterator[None]:
    # PGHOSTADDR, PGSERVICE, PGOPTIONS and their like would send an explicit URL elsewhere; libpq has no switch for it
    names = [name for name in os.environ if name.startswith("PG")]
    if not names:
        yield
        return
    with _environment_lock:
        saved = {name: os.environ.pop(name) for name in names if name in os.environ}
        try:
            yield
        finally:
            os.environ.update(saved)
