"""The open workspace: one registry, one target, its server; what every workflow is given."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aegisdb.errors import AegisError, DatabaseClosed, Refused
from aegisdb.fast_dataclass import dataclass
from aegisdb.progress import Listener, silent
from aegisdb.registry import find_registry, load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection
    from aegisdb.postgres.locks import WriterLock
    from aegisdb.registry.types import Registry
    from aegisdb.servers import Server

DEFAULT_LOCK_WAIT = 30.0
Ask = Callable[[str], str]
"""Puts a question to a person and returns the typed answer; refuses where there is nobody to ask."""


def nobody(prompt: str) -> str:
    """Refuse: there is no terminal to ask at."""
    raise Refused("this needs an answer and there is no terminal to ask at", hint=prompt, code="no_tty")


@dataclass(frozen=True)
class Workspace:
    """A registry and the target to work on. Opening one contacts nothing."""

    registry: Registry
    target: str
    """Name of the target."""
    server: Server
    listen: Listener = silent
    lock_wait: float = DEFAULT_LOCK_WAIT
    """Seconds to wait for another writer."""
    ask: Ask = nobody
    command: str = ""
    """The task that runs, such as "migrate.apply", for the lock's holder and the journal."""
    kept: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What was found out about this target and holds as long as the workspace."""
    named: bool = False
    """The caller named the target (`--target`); else it is a default, which a checkout's own files may say."""

    def address(self) -> Address:
        """Where the target's database is.

        Raises:
            Unreachable: the server is not running.
        """
        return self.server.address()

    def connect(self, database: str | None = None) -> Connection:
        """A connection to the target's database, or to another one of its server.

        Raises:
            Unreachable: the server does not answer. Busy: the database is closed while it is copied or replaced.
            Refused: a pgpool-II, which may answer from an old standby.
        """
        from aegisdb.postgres.connection import connect

        address = self.address()
        wanted = address.with_database(database) if database else address
        conn = self.let_in(lambda: connect(wanted), wanted)
        if not self.server.own:
            from aegisdb.postgres.route import require_one_server

            with conn.kept():
                require_one_server(conn)
        return conn

    def without(self, services: Iterable[str]) -> Workspace:
        """The same for a registry without these services."""
        return replace(self, registry=self.registry.without(services))

    def glance(self) -> AbstractContextManager[Connection]:
        """A session for a few looks at the target's database, cheap to open.

        Raises:
            Unreachable: the server is not running, or the login fails.
        """
        from aegisdb.postgres import ahead, psql

        address, bindir = self.address(), self.server.bindir()
        if self.server.own and psql.installed(bindir):
            return self.let_in(lambda: ahead.glance(address, bindir=bindir), address)
        return self._looking()

    def let_in(self, connecting: Callable[[], Connection], address: Address) -> Connection:
        """Return the session that `connecting` opens on the address's database, as `locks.let_in` does.

        Raises:
            Busy: the database is closed while it is copied or replaced; and what `connecting` raises.
        """
        try:
            return connecting()
        except DatabaseClosed:
            from aegisdb.postgres.locks import let_in

            return let_in(address, connecting, wait=self.lock_wait, listen=self.listen)

    @contextmanager
    def _looking(self) -> Iterator[Connection]:
        with self.connect() as conn, conn.looking():
            yield conn

    def writing(self, command: str) -> AbstractContextManager[WriterLock]:
        """The writer lock of the target's database, for a command that has no better name.

        Raises:
            Busy: another writer; Refused: a standby, a pooler that shares sessions, or two addresses of the target that
            lead to two databases.
        """
        from aegisdb.postgres.locks import writer_lock

        self.server.require_one_database()
        return writer_lock(self.address(), wait=self.lock_wait, command=self.command or command, listen=self.listen)

    def begin(self, *databases: str, proving: bool = True) -> None:
        """Start connecting to these databases of the server, "" for the target's own, for who asks for them next.

        Where they will use psql, and where it costs next to nothing: Docker is slower to say where its server is. What
        is wrong is left for them to be told. With `proving`, a session on the maintenance database comes in with the
        password.
        """
        if not (self.server.own and self.server.found_at_once) or "psycopg" in sys.modules:
            return
        from aegisdb.postgres import ahead
        from aegisdb.postgres.databases import MAINTENANCE

        with suppress(AegisError):
            address, bindir = self.address(), self.server.bindir()
            for database in databases:
                wanted = address.with_database(database) if database else address
                # starting a server that runs already asks for such a one
                by_password = proving and database == MAINTENANCE
                ahead.begin(wanted.by_password() if by_password else wanted, bindir=bindir)


def open_workspace(
    *,
    target: str = "",
    cwd: Path | None = None,
    listen: Listener = silent,
    lock_wait: float = DEFAULT_LOCK_WAIT,
    ask: Ask = nobody,
    command: str = "",
    environ: Mapping[str, str] | None = None,
) -> Workspace:
    """Find and read the registry, choose the target: `target`, else AEGIS_TARGET, else DATABASE_URL, else the default.

    Raises:
        BadInput: no registry, faults in it, an unknown target, or a target whose variable is not set.
    """
    from aegisdb.servers import server_for

    environ = os.environ if environ is None else environ
    registry = load(find_registry(cwd or Path.cwd(), environ), environ)
    chosen = target or registry.default_target
    registry.target(chosen)
    server = server_for(registry, chosen)
    return Workspace(
        registry=registry,
        target=chosen,
        server=server,
        listen=listen,
        lock_wait=lock_wait,
        ask=ask,
        command=command,
        named=bool(target),
    )
