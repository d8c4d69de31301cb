"""Connections of psycopg. THE module that imports it, in 0.2 s: through `connection.connect` it is loaded late."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from aegisdb.postgres import server_errors
from aegisdb.postgres.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aegisdb.errors import AegisError
    from aegisdb.postgres.address import Address

_APPLICATION_BYTES = 63

_environment_lock = threading.Lock()


class DriverConnection(Connection):
    """A session of psycopg."""

    def __init__(self, address: Address, raw: psycopg.Connection[tuple[Any, ...]]) -> None:
        super().__init__(address)
        self._raw = raw

    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """As `Connection.execute`; also several statements where there are no parameters, as one transaction."""
        with self._translated(sql):
            self._run(sql, params)

    def execute_together(self, statements: Sequence[str]) -> None:
        """As `Connection.execute_together`."""
        self.execute(";\n".join(statements))

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """As `Connection.rows`."""
        with self._translated(sql):
            return self._run(sql, params).fetchall()

    def results(self, statements: Sequence[str]) -> list[list[tuple[Any, ...]]]:
        """As `Connection.results`."""
        together = ";\n".join(statements)
        found = []
        with self._translated(together):
            cursor = self._run(together, ())
            for _ in statements:
                found.append(cursor.fetchall() if cursor.description else [])
                cursor.nextset()
        return found

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """As `Connection.transaction`."""
        with self._translated("COMMIT"), self._raw.transaction():
            yield

    def stay(self) -> None:
        """As `Connection.stay`."""
        self.execute(
            "SELECT set_config('idle_session_timeout', '0', false) WHERE pg_backend_pid() = %s",
            (self._raw.info.backend_pid,),
        )

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
        "host": address.socket or address.host,
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
        raise server_errors.of_connecting(str(error), address) from None
    return DriverConnection(address, raw)


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
