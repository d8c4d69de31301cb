"""A session on one database, whoever talks to the server: what every kind of connection promises.

Errors leave a connection as our own tree. A statement that fails is StatementFailed, except that a lock or an object in
use is Busy and a lost server is Unreachable. The caller's PG* variables never decide where a connection goes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Self

from aegisdb.errors import BadInput
from aegisdb.fast_dataclass import dataclass
from aegisdb.postgres.capabilities import LACKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from aegisdb.postgres.address import Address

OLDEST = 140000
"""The first `server_version_num` that is supported."""
CONNECT_TIMEOUT = 5.0
"""Seconds for all of connecting, also when the port is open but nobody answers."""

IDENTITY = f"""
    SELECT (SELECT system_identifier FROM pg_control_system()), d.oid::bigint, d.datname,
           current_setting('server_version_num')::int, host(inet_server_addr()), inet_server_port(),
           pg_is_in_recovery(), pg_backend_pid(), inet_client_port(), {LACKING}
      FROM pg_database d WHERE d.datname = current_database()"""  # noqa: S608  constants of ours

CATALOG_FIRST = """
SELECT CASE WHEN pg_catalog.current_setting('search_path') OPERATOR(pg_catalog.~) ',[[:space:]]*"?pg_catalog[[:>:]]'
        {only}
    THEN pg_catalog.length(pg_catalog.set_config('search_path', pg_catalog.regexp_replace(
        pg_catalog.current_setting('search_path'), ',[[:space:]]*"?pg_catalog[[:>:]]"?', '', 'g'), false))
    ELSE 1 END"""
"""Lets the server look for a name in its own catalog first, as it does unless a search_path says otherwise.

With a search_path of `public, pg_catalog` anybody's table `public.pg_class` would answer our questions.
"""

Between = Literal["direct", "pooler", "proxy"]
"""What stands between a session and its server."""
_LOOK_TIMEOUT = "3s"
"""Longest wait of a look for a session that locks what it reads."""


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
        standby: it is in recovery, so nobody can write to it.
        lacks: names of capabilities that this role or server has not.
    """

    system_identifier: int
    oid: int
    database: str
    server_version: int
    host: str = ""
    port: int = 0
    standby: bool = False
    lacks: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[int, int]:
        """System identifier and oid; two sessions with the same key are on the same database."""
        return (self.system_identifier, self.oid)

    def __str__(self) -> str:
        return f"{self.database}@{self.host}:{self.port}"


class Connection(ABC):
    """An autocommit session. `%` is literal where a statement has no parameters."""

    prepares = True
    """Whether it can execute what was prepared, and give its rows."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._identity: Identity | None = None
        self._pid = 0
        """The server process, once it has been asked for."""
        self._ports: tuple[int | None, int | None] = (None, None)
        """Ports of the client and of the server, as the server sees them; None on a Unix socket."""

    @abstractmethod
    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run one statement, or several where there are no parameters and it does not matter if only the first succeed.

        Raises:
            StatementFailed: the server refused it; Busy: a lock or object in use; Unreachable: the server went away.
        """

    def execute_soon(self, sql: str) -> None:
        """Run a statement before the next one; what it raises may come out of that one, and neither is undone then."""
        self.execute(sql)

    @abstractmethod
    def execute_together(self, statements: Sequence[str]) -> None:
        """Run several statements as one: all of them or none; raises as `execute`."""

    @abstractmethod
    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one query and return all its rows; raises as `execute`.

        Numbers, booleans, texts and JSON are the same from every kind of connection, and so is an oid that is cast to
        bigint; a time goes through `moment`.
        """

    def results(self, statements: Sequence[str]) -> list[list[tuple[Any, ...]]]:
        """The rows of each of several statements, none of one that gives no rows; where it can be, in one message.

        They may begin and end a transaction; after an error it is the caller who ends it. Raises as `execute`. A psql
        child gives the rows of a SELECT only.
        """
        found: list[list[tuple[Any, ...]]] = []
        for statement in statements:
            if statement.lstrip().upper().startswith("SELECT"):
                found.append(self.rows(statement))
            else:
                self.execute(statement)
                found.append([])
        return found

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """A transaction (a savepoint inside another); commits unless the body raises."""

    @property
    @abstractmethod
    def backend_pid(self) -> int:
        """The server process of this session."""

    @property
    @abstractmethod
    def closed(self) -> bool:
        """Closed by us or by the server."""

    def is_alive(self) -> bool:
        """Whether it is open, as far as this can be told without asking the server."""
        return not self.closed

    def leave(self, sql: str) -> bool:
        """End the session with a statement that the server goes on with by itself, if it can; whether it was left.

        Nobody hears how it ends. The locks of the session are held until then.
        """
        del sql
        return False

    @abstractmethod
    def close(self) -> None:
        """End the session."""

    def settled(self) -> Address:
        """The address of the host that this session reached, of several."""
        return self.address

    def stay(self) -> None:
        """Let no timeout of idle sessions end this one, which waits for work that goes on elsewhere.

        A session that a pooler has between us and the server is left as it is: it may be somebody else's as well.

        Raises:
            BadInput: `old_server`: what works for longer than a look needs a newer one.
        """
        self.require_supported()
        self.execute_soon("SET idle_session_timeout = 0")

    def require_supported(self) -> None:
        """Refuse a server that is too old.

        Raises:
            BadInput: `old_server`.
        """
        if (version := self.identity().server_version) < OLDEST:
            raise BadInput(
                f"the server at {self.address} is PostgreSQL {version // 10000};"
                f" {OLDEST // 10000} is the oldest that works",
                hint="upgrade the server, or use another target",
                code="old_server",
            )

    def wait_briefly(self) -> None:
        """Wait for nobody's lock for long from now on; a session that may be somebody else's too keeps no trace."""
        self.execute_soon(f"SET lock_timeout = '{_LOOK_TIMEOUT}'")

    def value(self, sql: str, params: Sequence[Any] = ()) -> Any:
        """First column of the first row, None without a row; raises as `rows`."""
        rows = self.rows(sql, params)
        return rows[0][0] if rows else None

    def identity(self) -> Identity:
        """Which database this session reached, asked once from the server."""
        if self._identity is None:
            self._identity = self._identified(self.rows(IDENTITY)[0])
        return self._identity

    def _identified(self, row: Sequence[Any]) -> Identity:
        system, oid, name, version, host, port, standby, self._pid, client_port, lacks = row
        self._ports = client_port, port
        if not host and self.address.socket:  # the server that listens at the address as well
            host, port = self.address.host, self.address.port
        return Identity(system, oid, name, version, host or "socket", port or 0, standby, _names(lacks))

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Close it where the body fails."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def between(self) -> Between:
        """What stands between this session and its server, once its identity was asked; "direct" where nobody can tell.

        A psql child cannot: it serves on servers of our own only.
        """
        return "direct"

    def value_within(self, sql: str, seconds: float) -> Any:
        """As `value`, of one statement without parameters; raises TimeoutError where it takes longer."""
        del seconds
        return self.value(sql)

    @contextmanager
    def looking(self, *, statement_timeout: str = "") -> Iterator[None]:
        """A transaction that only reads and waits for nobody's lock for long; it leaves nothing in the session.

        Inside a transaction it is a part of that one.
        """
        with self.transaction():
            self.execute_soon("; ".join(begin_looking(statement_timeout)))
            yield

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def begin_looking(statement_timeout: str = "") -> list[str]:
    """Statements that make a transaction read-only and impatient, once it has begun."""
    limits = {"lock_timeout": _LOOK_TIMEOUT, "statement_timeout": statement_timeout}
    settings = [f"SET LOCAL {name} = '{value}'" for name, value in limits.items() if value]
    return ["SET TRANSACTION READ ONLY", "SET LOCAL client_min_messages = error", *settings]


def _names(joined: str) -> tuple[str, ...]:
    return tuple(filter(None, joined.split(", ")))


def moment(value: datetime | str) -> datetime:
    """A time out of a row of any connection."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value
