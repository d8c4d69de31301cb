"""One connection to one database. THE module that imports psycopg: import it late, it costs 0.2 s.

Errors leave here as our own tree. A statement that fails is StatementFailed, except that a lock or an object in use
is Busy and a lost server is Unreachable. The caller's PG* variables never decide where a connection goes.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import psycopg

from aegisdb.postgres import translating

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aegisdb.errors import AegisError
    from aegisdb.postgres.address import Address

CONNECT_TIMEOUT = 5.0
"""Seconds for all of connecting, also when the port is open but nobody answers."""

_APPLICATION_BYTES = 63
_IDENTITY = """
    SELECT (SELECT system_identifier FROM pg_control_system()), d.oid, d.datname,
           current_setting('server_version_num')::int, host(inet_server_addr()), inet_server_port()
      FROM pg_database d WHERE d.datname = current_database()"""

_environment_lock = threading.Lock()


@dataclass(frozen=True)
class Identity:
    """Which database this is, told by the server itself; survives a rename, differs in a template copy.

    Attributes:
        system_identifier: of the cluster (initdb gives it).
        oid: of the database in that cluster.
        database: its name now.
        server_version: as in `server_version_num`, 180006 for 18.6.
        host: the address the server answers on, "socket" on a Unix socket.
        port: the port the server answers on, 0 on a Unix socket.
    """

    system_identifier: int
    oid: int
    database: str
    server_version: int
    host: str = ""
    port: int = 0

    @property
    def key(self) -> tuple[int, int]:
        """What makes two connections the same database."""
        return (self.system_identifier, self.oid)

    def __str__(self) -> str:
        return f"{self.database}@{self.host}:{self.port}"


class Connection:
    """An autocommit session. `%` is literal where a statement has no parameters."""

    def __init__(self, address: Address, raw: psycopg.Connection[tuple[Any, ...]]) -> None:
        self.address = address
        self.notices: list[str] = []
        self._raw = raw
        self._identity: Identity | None = None
        raw.add_notice_handler(lambda notice: self.notices.append(notice.message_primary or ""))

    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run one statement, or several where there are no parameters.

        Raises:
            StatementFailed: the server refused it; Busy: a lock or object in use; Unreachable: the server went away.
        """
        with self._translated(sql):
            self._run(sql, params)

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one query; raises as `execute`."""
        with self._translated(sql):
            return self._run(sql, params).fetchall()

    def value(self, sql: str, params: Sequence[Any] = ()) -> Any:
        """First column of the first row, None without a row; raises as `execute`."""
        rows = self.rows(sql, params)
        return rows[0][0] if rows else None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction (a savepoint inside another); commits unless the body raises."""
        with self._translated("COMMIT"), self._raw.transaction():
            yield

    def identity(self) -> Identity:
        """Which database this session reached, asked once from the server."""
        if self._identity is None:
            system, oid, name, version, host, port = self.rows(_IDENTITY)[0]
            self._identity = Identity(system, oid, name, version, host or "socket", port or 0)
        return self._identity

    def cancel_safe(self) -> None:
        """Cancel what another thread runs on this session; does nothing when it is idle."""
        self._raw.cancel_safe(timeout=CONNECT_TIMEOUT)

    @property
    def backend_pid(self) -> int:
        """The server process of this session."""
        return self._raw.info.backend_pid

    @property
    def closed(self) -> bool:
        """Closed by us or by the server."""
        return self._raw.closed

    def close(self) -> None:
        """End the session."""
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

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
            return translating.lost(error.diag.message_primary or str(error), self.address)
        return translating.of_statement(
            error.diag.message_primary or str(error),
            self.address,
            sql,
            sqlstate=error.sqlstate or "",
            detail=error.diag.message_detail or "",
            hint=error.diag.message_hint or "",
        )


def connect(address: Address, *, application: str = "aegisdb", timeout: float = CONNECT_TIMEOUT) -> Connection:
    """Open a session on the address's database, in `timeout` seconds at most.

    `application` is what others see in pg_stat_activity. Environment variables of libpq are ignored.

    Raises:
        Unreachable: `unreachable`, or `login` (role, password, pg_hba), or `no_database`.
        Busy: the server has no free connection.
    """
    parameters: dict[str, Any] = {
        **dict(address.parameters),
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "dbname": address.database,
        "application_name": application.encode()[:_APPLICATION_BYTES].decode(errors="ignore"),
        "connect_timeout": max(2, int(timeout)),  # libpq takes whole seconds, 2 at least
    }
    if password := address.password.reveal():
        parameters["password"] = password
    try:
        with _without_libpq_environment():
            raw = psycopg.connect(autocommit=True, prepare_threshold=None, **parameters)
    except psycopg.Error as error:
        raise translating.of_connecting(str(error), address) from None
    return Connection(address, raw)


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


__all__ = ["CONNECT_TIMEOUT", "Connection", "Identity", "connect"]
