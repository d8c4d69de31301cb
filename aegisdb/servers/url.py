"""Any PostgreSQL 14 or newer by its URL: ours to use, not ours to start or stop."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from aegisdb.errors import BadInput, Refused
from aegisdb.postgres.address import Address
from aegisdb.postgres.trust import with_files
from aegisdb.servers.checkouts import NO_OTHERS
from aegisdb.servers.wheels import server_directory

if TYPE_CHECKING:
    from contextlib import ExitStack

    from aegisdb.postgres.client import Client
    from aegisdb.postgres.connection import Connection
    from aegisdb.progress import Listener
    from aegisdb.registry.types import Registry
    from aegisdb.servers.server import Proof


class Spec(Protocol):
    """What services.yaml says about the target, as `target_kinds` explains it."""

    @property
    def url(self) -> str: ...  # noqa: D102

    @property
    def direct_url(self) -> str: ...  # noqa: D102

    @property
    def bindir(self) -> str | None: ...  # noqa: D102


class UrlServer:
    """The server that a URL names."""

    kind = "url"
    checkouts = NO_OTHERS
    managed = False
    found_at_once = True
    own = False

    def __init__(self, registry: Registry, target: str, spec: Spec) -> None:
        self._registry = registry
        self._target = target
        self._spec = spec

    def label(self) -> str:
        """`user@host:port/database`."""
        return str(self._given)

    def start(self, listen: Listener, client: Client | None = None, at_end: ExitStack | None = None) -> Address:
        """Only check that it answers, that the role logs in and that it is new enough.

        Raises:
            Unreachable: no answer, no login, or no such database.
            BadInput: older than PostgreSQL 14.
        """
        del listen, client, at_end
        from aegisdb.postgres.connection import connect

        with connect(self._address) as conn:
            conn.require_supported()
        return self._address

    def stop(self, *, destroy: bool = False) -> bool:
        """Refused: whoever runs this server stops it.

        Raises:
            Refused: always.
        """
        what = "its data is not ours to delete" if destroy else "it is not ours to stop"
        raise Refused(
            f"target {self._target!r} is a server named by a URL ({self._given}): {what}",
            hint="stop it where it runs; embedded and compose targets can be stopped here",
            code="not_ours",
        )

    def has_data(self) -> bool:
        """Always; it is not ours."""
        return True

    def address(self) -> Address:
        """The URL's address, the direct one where there are two; unchecked: connecting tells whether it answers.

        Of several hosts it is the one that answers, and as `target_session_attrs` says.

        Raises:
            Unreachable: none of several hosts does.
        """
        return self._address

    def client_address(self) -> Address:
        """The address of `url`, also where `direct_url` is used for everything else."""
        return self._read(self._spec.url, "url")

    def require_one_database(self) -> None:
        """As `Server.require_one_database`; with `direct_url` it asks both."""
        if not self._spec.direct_url:
            return
        from aegisdb.postgres.connection import connect

        reached = []
        for address in (with_files(self.client_address(), self._registry.root, self._where("url")), self._address):
            with connect(address) as conn:
                reached.append(conn.identity())
        if reached[0].key != reached[1].key:
            raise Refused(
                f"target {self._target!r} has two addresses that lead to two databases: url to {reached[0]},"
                f" the direct one to {reached[1]}; nothing was touched",
                hint="correct direct_url in services.yaml, or DATABASE_URL_DIRECT and DIRECT_URL",
                code="two_databases",
            )

    def free_bytes(self) -> int:
        """Not known."""
        return 0

    def bindir(self) -> Path | None:
        """The target's own, else the wheel's programs, which work with older servers too; None for those on PATH."""
        own = self._spec.bindir
        return self._registry.root / Path(own).expanduser() if own else server_directory()

    def disposable(self, conn: Connection, database: str = "") -> Proof | None:
        """None: nothing about a URL proves that the server is a throw-away one."""
        del conn, database
        return None

    def flush(self) -> tuple[str, ...]:
        """Nothing that we know of stands beside it."""
        return ()

    @cached_property
    def _given(self) -> Address:
        key = "direct_url" if self._spec.direct_url else "url"
        address = self._read(self._spec.direct_url or self._spec.url, key)
        return with_files(address, self._registry.root, self._where(key))

    @cached_property
    def _address(self) -> Address:
        if not self._given.others:
            return self._given
        # all sessions of a command go to one server, also when another one comes up while it runs
        from aegisdb.postgres.connection import connect

        with connect(self._given) as conn:
            return conn.settled()

    def _read(self, url: str, key: str) -> Address:
        address = Address.from_url(url)
        if not address.database or not address.user:
            raise BadInput(
                f"the URL of target {self._target!r} names no {'database' if address.user else 'user'}",
                hint="write postgresql://user:password@host:port/database",
                where=self._where(key),
                code="url",
            )
        return address

    def _where(self, key: str) -> str:
        return f"{self._registry.path.name}: targets.{self._target}.{key}"
