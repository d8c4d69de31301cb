"""The sessions of one run: of psql where they have little to say, begun before they are asked for, and passed on.

Importing psycopg takes 0.2 s, as much as Invoke itself, but a psql child moves rows as JSON. So what says much asks
`connection.connect` for a session of psycopg, and what says little asks the client. Connecting takes a psql 10 ms, most
of them the server's and those of hashing the password: time in which a command has modules to import and files to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.errors import AegisError
from aegisdb.postgres import connection
from aegisdb.postgres.session import CONNECT_TIMEOUT, Connection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.psql_session import PipedConnection


class Client:
    """The sessions of one run on one server."""

    def __init__(self, programs: Callable[[], Path | None] | None = None) -> None:
        """`programs` tells where psql is, None being PATH; without it, and without a psql, sessions are psycopg's."""
        self._programs = programs
        self._waiting: list[PipedConnection] = []
        self._by_driver = False

    def use_driver(self) -> None:
        """Open sessions of psycopg from now on, since this run needs it anyway and they begin sooner."""
        self._by_driver = True

    def prefetch(self, address: Address) -> None:
        """Start connecting, for `connect` on the same database; waits for nothing, and `connect` tells what is wrong.

        Does nothing where a session waits already, where there is no psql, or where its password would need a file.
        """
        if any(one.address == address for one in self._waiting) or not self._has_psql():
            return
        from aegisdb.postgres import psql, psql_session

        if psql.keeps_password_in_memory():
            begun = psql_session.begin_session(
                address, bindir=self._bindir(), application="aegisdb", timeout=CONNECT_TIMEOUT
            )
            self._waiting.append(begun)

    def connect(
        self, address: Address, *, application: str = "aegisdb", timeout: float = CONNECT_TIMEOUT
    ) -> Connection:
        """A session that waits, or a new one; arguments and errors are those of `connection.connect`."""
        if self._by_driver or not self._has_psql():
            return connection.connect(address, application=application, timeout=timeout)
        return connection.through_renames(lambda: self._by_psql(address, application, timeout))

    def release(self, session: Connection) -> None:
        """Keep a session of psql for who connects to its database next; close one of psycopg."""
        from aegisdb.postgres.psql_session import PipedConnection

        if isinstance(session, PipedConnection):
            self._waiting.append(session)
        else:
            session.close()

    def waiting(self, address: Address) -> list[int]:
        """The server processes of the sessions on this database that nobody has asked for; they are in nobody's way."""
        found = []
        for session in [one for one in self._waiting if one.address == address]:
            try:
                found.append(session.backend_pid)
            except AegisError:  # somebody has ended it
                self._waiting.remove(session)
                session.close()
        return found

    def close(self) -> None:
        """End the sessions that nobody has asked for; later ones can be opened all the same."""
        while self._waiting:
            self._waiting.pop().close()

    def _has_psql(self) -> bool:
        if self._programs is None:
            return False
        from aegisdb.postgres import psql

        return psql.installed(self._programs())

    def _bindir(self) -> Path | None:
        return self._programs() if self._programs else None

    def _by_psql(self, address: Address, application: str, timeout: float) -> PipedConnection:
        # one that came in with the password serves everybody; who asks whether it is the right one takes no other
        for session in [one for one in self._waiting if one.address == address]:
            if session.address.socket and not address.socket:
                continue
            try:
                self._waiting.remove(session)
            except ValueError:  # another thread was quicker
                continue
            try:
                session.take_over(application)
            except AegisError:
                session.close()  # a new one says what is wrong now
            else:
                return session
        from aegisdb.postgres import psql_session

        return psql_session.open_session(address, bindir=self._bindir(), application=application, timeout=timeout)
