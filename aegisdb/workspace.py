"""The open workspace: one registry, one target, its server; what every workflow is given."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aegisdb.errors import AegisError, DatabaseClosed, Refused, UsageError
from aegisdb.fast_dataclass import dataclass
from aegisdb.postgres.client import Client
from aegisdb.progress import Listener, silent
from aegisdb.registry import find_registry, load

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractContextManager

    from aegisdb.members.choice import Chosen, Member
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


def _learn_nothing(registry: Registry) -> None:
    del registry


@dataclass(frozen=True)
class Workspace:
    """A registry and the target to work on. Opening one contacts nothing."""

    registry: Registry
    target: str
    """Name of the target."""
    server: Server
    client: Client
    """The sessions of this run on the server that have little to say."""
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
    learn: Callable[[Registry], object] = _learn_nothing
    """Told of each registry that more members were put into: their URLs may have passwords."""
    fleet: Chosen | None = None
    """The members of a fleet that the command is about (`--fleet`); `target` is the first of them then."""

    def address(self) -> Address:
        """The address of the target's database.

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

        wanted = self._address_of(database)
        return self._on_one_server(self.let_in(lambda: connect(wanted), wanted))

    def short_session(self, database: str | None = None) -> Connection:
        """Connect as `connect` does, for a few statements: cheap to open."""
        wanted = self._address_of(database)
        return self._on_one_server(self.let_in(lambda: self.client.connect(wanted), wanted))

    def _on_one_server(self, conn: Connection) -> Connection:
        if not self.server.own:
            from aegisdb.postgres.route import require_one_server

            with conn.kept():
                require_one_server(conn)
        return conn

    def _address_of(self, database: str | None) -> Address:
        return self.address().with_database(database) if database else self.address()

    def of_fleet(self, registry: Registry, members: Chosen) -> Workspace:
        """Return this workspace for these members, each a target of `registry`."""
        self.learn(registry)
        target = members.members[0].target if members.members else self.target
        return replace(self, registry=registry, target=target, fleet=members)

    def of_member(self, member: Member) -> Workspace:
        """Return this workspace for one member of the fleet.

        Raises:
            BadInput: its URL cannot be read; Refused: it names a service.
        """
        from aegisdb.servers import server_for

        self.registry.target(member.target)
        server = server_for(self.registry, member.target)
        return replace(self, target=member.target, server=server, client=client_of(server), named=True, fleet=None)

    def without(self, services: Iterable[str]) -> Workspace:
        """Return this workspace without these services."""
        return replace(self, registry=self.registry.without(services))

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

    def writing(self, command: str) -> AbstractContextManager[WriterLock]:
        """The writer lock of the target's database, for a command that has no better name.

        Raises:
            Busy: another writer; Refused: a standby, a pooler that shares sessions, or two addresses of the target that
            lead to two databases.
        """
        from aegisdb.postgres.locks import writer_lock

        self.server.require_one_database()
        return writer_lock(self.address(), wait=self.lock_wait, command=self.command or command, listen=self.listen)

    def prefetch(self, *databases: str, by_password: bool = False) -> None:
        """Start connecting to these databases of the server, to the target's own where none is named.

        Only where it costs next to nothing: Docker is slower to say where its server is. What is wrong is told to who
        asks for the session.
        """
        if not (self.server.own and self.server.found_at_once):
            return
        with suppress(AegisError):
            for database in databases or (None,):
                address = self._address_of(database)
                self.client.prefetch(address.by_password() if by_password else address)


def client_of(server: Server) -> Client:
    """A client for the sessions of a run on this server: of psql only where nothing stands between."""
    return Client(server.bindir if server.own else None)


def open_workspace(  # noqa: PLR0913  choices of their own, all by keyword
    *,
    target: str = "",
    fleet: str = "",
    match: Iterable[str] = (),
    shard: str = "",
    cwd: Path | None = None,
    listen: Listener = silent,
    lock_wait: float = DEFAULT_LOCK_WAIT,
    ask: Ask = nobody,
    command: str = "",
    environ: Mapping[str, str] | None = None,
) -> Workspace:
    """Find and read the registry, choose the target: `target`, else AEGIS_TARGET, else DATABASE_URL, else the default.

    With `fleet` it is the first of the members that `match` and `shard` choose. A target FLEET/NAME is one member.

    Raises:
        BadInput: no registry, faults in it, an unknown target, or a target whose variable is not set; and what
        `members.choice.choose` raises.
    """
    from aegisdb.servers import server_for

    environ = os.environ if environ is None else environ
    registry = load(find_registry(cwd or Path.cwd(), environ), environ)
    members: Chosen | None = None
    chosen = target or registry.default_target
    if fleet or "/" in chosen:
        registry, members, chosen = _of_fleet(registry, fleet, target, chosen, match, shard)
    if members is None or not members.members:
        registry.target(chosen)
    server = server_for(registry, chosen)
    return Workspace(
        registry=registry,
        target=chosen,
        server=server,
        client=client_of(server),
        listen=listen,
        lock_wait=lock_wait,
        ask=ask,
        command=command,
        named=bool(target),
        fleet=members,
    )


def _of_fleet(
    registry: Registry, fleet: str, target: str, chosen: str, match: Iterable[str], shard: str
) -> tuple[Registry, Chosen | None, str]:
    from aegisdb.members import choice

    if not fleet:
        return choice.with_member(registry, chosen), None, chosen
    if target:
        raise UsageError("--target and --fleet name different things", hint="give one of the two", code="fleet_target")
    registry, members = choice.choose(registry, fleet, match=match, shard=shard)
    return registry, members, members.members[0].target if members.members else chosen
