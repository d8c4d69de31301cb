"""Whole databases: create, clone, rename, drop. `conn` is a session on the maintenance database."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from aegisdb.errors import Busy, InUse, NoDatabase
from aegisdb.fast_dataclass import dataclass
from aegisdb.postgres import database_properties
from aegisdb.postgres.capabilities import DIRECT
from aegisdb.postgres.connection import connect, moment
from aegisdb.postgres.quoting import quote_ident, quote_literal
from aegisdb.postgres.uncopied import end_uncopied

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.client import Client
    from aegisdb.postgres.connection import Connection

MAINTENANCE = "postgres"
_POLL = 0.005  # seconds: a backend needs a few milliseconds to end
_SETTLED = 0.2  # seconds
_STRATEGY_SINCE = 150000
# WAL_LOG writes every page twice but needs no checkpoint, which takes long where it waits for the disk: faster up to
# some ten MB, see docs/db.md
_STRATEGY = (
    "SELECT CASE WHEN current_setting('fsync')::bool AND pg_database_size(%s) < 134217728"
    " THEN 'wal_log' ELSE 'file_copy' END AS strategy"
)
_STANDING = """
    SELECT d.datname, d.oid::bigint, shobj_description(d.oid, 'pg_database'),
           (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid AND a.pid <> pg_backend_pid()
                AND a.backend_type = 'client backend')
      FROM pg_database d WHERE d.datname = ANY (%s)"""
_SESSIONS = """
    SELECT pid, coalesce(usename, ''), coalesce(application_name, ''), coalesce(host(client_addr), 'local'),
           coalesce(state, ''), backend_start
      FROM pg_stat_activity
     WHERE datname = %s AND pid <> pg_backend_pid() AND pid <> ALL (%s::int[])
       AND backend_type = 'client backend' ORDER BY backend_start"""


@dataclass(frozen=True)
class DatabaseSession:
    """A session on a database; `since` is when the session began."""

    pid: int
    user: str
    application: str
    client: str
    state: str
    since: datetime

    def __str__(self) -> str:
        return f"pid {self.pid} ({self.application or 'no application name'}, {self.user} from {self.client})"


@dataclass(frozen=True)
class Prepared:
    """A transaction that was prepared and neither committed nor rolled back."""

    gid: str
    owner: str
    since: datetime

    @property
    def undo(self) -> str:
        """The statement that ends it, run in its database."""
        return f"ROLLBACK PREPARED {quote_literal(self.gid)}"

    def __str__(self) -> str:
        return f"prepared transaction {self.gid!r} of {self.owner} since {self.since:%Y-%m-%d %H:%M:%S}"


class Found(NamedTuple):
    """A database that is there."""

    oid: int
    comment: str | None


def maintenance(address: Address, *, application: str = "aegisdb", client: Client | None = None) -> Connection:
    """A session on the maintenance database `postgres` of the same server, `client`'s if given; raises as `connect`."""
    opens = connect if client is None else client.connect
    try:
        return opens(address.with_database(MAINTENANCE), application=application)
    except NoDatabase as error:
        raise error.amended(
            hint=f"databases are made and copied from there: let the pooler list it, or {DIRECT}"
        ) from None


def try_login(address: Address, client: Client | None) -> None:
    """Log in on the maintenance database, and leave the session to `client` where there is one; raises as `connect`."""
    address = address.with_database(MAINTENANCE)
    if client is None:
        connect(address, application="aegisdb db.up").close()
    else:
        client.release(client.connect(address, application="aegisdb db.up"))


def exists(conn: Connection, name: str) -> bool:
    """Whether the server has a database of this name."""
    return bool(conn.value("SELECT 1 FROM pg_database WHERE datname = %s", (name,)))


def create(conn: Connection, name: str, *, owner: str = "") -> None:
    """Make an empty database out of template0, so that nothing local in template1 gets in.

    Raises:
        StatementFailed: it exists, or the role may not create databases.
    """
    owned = f" OWNER {quote_ident(owner)}" if owner else ""
    conn.execute(f"CREATE DATABASE {quote_ident(name)} TEMPLATE template0 ENCODING 'UTF8'{owned}")


def clone(conn: Connection, source: str, name: str, *, wait: float = 30.0) -> None:
    """Copy database `source` as `name`, with its owner, settings, privileges and comment.

    Waits up to `wait` seconds for sessions on the source to end. A failed clone leaves nothing.

    Raises:
        Busy: sessions are still on the source; they are named.
        StatementFailed: the source is missing, the name is taken, or the role may not copy it.
    """
    deadline = time.monotonic() + wait
    _settle(conn, source)
    while True:
        try:
            strategy = conn.value(_STRATEGY, (source,)) if chooses(conn) else ""
            copied, *properties = database_properties.copy_statements(conn, source, name, strategy)
            conn.execute(copied)
            break
        except Busy:
            # an error comes only after PostgreSQL's own wait of 5 s, so this is no tight loop
            if time.monotonic() >= deadline:
                raise in_use(conn, source, "copied") from None
    try:
        if properties:
            conn.execute_together(properties)
    except BaseException:
        drop(conn, name)
        raise


def chooses(conn: Connection) -> bool:
    """Whether this server knows more than one strategy."""
    return conn.identity().server_version >= _STRATEGY_SINCE


def strategy_query(source: str) -> str:
    """The query for the strategy that fits this database; counting its files takes 10 ms for thousands of them."""
    return _STRATEGY % quote_literal(source)


def rename(conn: Connection, old: str, new: str) -> None:
    """Rename a database.

    Raises:
        Busy: sessions are on it, named; nothing changed.
        StatementFailed: it is missing, the new name is taken, or the role may not.
    """
    try:
        conn.execute(f"ALTER DATABASE {quote_ident(old)} RENAME TO {quote_ident(new)}")
    except Busy:
        raise in_use(conn, old, "renamed") from None


def drop(conn: Connection, name: str, *, force: bool = False) -> None:
    """Drop a database if it exists, its subscriptions and prepared transactions first; `force` ends the sessions on it.

    Raises:
        Busy: without `force`, sessions are on it, named; nothing changed.
    """
    if force or not sessions(conn, name):
        end_uncopied(conn, name)
    try:
        conn.execute(drop_statement(name, force=force))
    except Busy:
        raise in_use(conn, name, "dropped") from None


def drop_statement(name: str, *, force: bool = False) -> str:
    """The statement of `drop`."""
    return f"DROP DATABASE IF EXISTS {quote_ident(name)}{' WITH (FORCE)' if force else ''}"


def wait_until_free(conn: Connection, name: str, *, wait: float = 5.0, but: Iterable[int] = ()) -> None:
    """Wait for the last sessions on a database to end, but those of these server processes.

    A backend outlives its client by some milliseconds.

    Raises:
        Busy: after `wait` seconds there are still sessions, named.
    """
    deadline, ours = time.monotonic() + wait, list(but)
    while sessions(conn, name, but=ours):
        if time.monotonic() >= deadline:
            raise in_use(conn, name, "used alone", but=ours)
        time.sleep(_POLL)


def free(conn: Connection, names: Iterable[str], *, beside: Iterable[str] = (), wait: float = 5.0) -> dict[str, Found]:
    """Find which of these databases are there, once nobody is on one of `names`; `beside` are only looked for.

    Raises:
        Busy: after `wait` seconds there are still sessions, named.
    """
    deadline, alone = time.monotonic() + wait, list(names)
    while True:
        rows = conn.rows(_STANDING, ([*alone, *beside],))
        used = next((name for name, _, _, sessions in rows if sessions and name in alone), "")
        if not used:
            return {name: Found(oid, comment) for name, oid, comment, _ in rows}
        if time.monotonic() >= deadline:
            raise in_use(conn, used, "used alone")
        time.sleep(_POLL)


def _settle(conn: Connection, name: str) -> None:
    # a session of ours that was closed just now is seen here sooner than by PostgreSQL, which looks every 100 ms
    deadline = time.monotonic() + _SETTLED
    while sessions(conn, name) and time.monotonic() < deadline:
        time.sleep(_POLL)


def end_sessions(conn: Connection, name: str, *, but: Iterable[int] = ()) -> None:
    """End every session on a database that this role may end, but those of the server processes `but`.

    Raises:
        StatementFailed: the role may not end one of them.
    """
    conn.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        " AND pid <> ALL (%s::int[]) AND backend_type = 'client backend'",
        (name, list(but)),
    )


def sessions(conn: Connection, name: str, *, but: Iterable[int] = ()) -> tuple[DatabaseSession, ...]:
    """List the sessions on a database, oldest first.

    This session, the server's own processes and those with the numbers `but` are left out.
    """
    found = conn.rows(_SESSIONS, (name, list(but)))
    return tuple(
        DatabaseSession(pid, user, application, client, state, moment(since))
        for pid, user, application, client, state, since in found
    )


def prepared(conn: Connection, name: str) -> tuple[Prepared, ...]:
    """The prepared transactions of a database, oldest first: they hold locks without a session."""
    sql = "SELECT gid, owner::text, prepared FROM pg_prepared_xacts WHERE database = %s ORDER BY prepared"
    return tuple(Prepared(gid, owner, moment(since)) for gid, owner, since in conn.rows(sql, (name,)))


def in_use(conn: Connection, name: str, action: str, *, but: Iterable[int] = ()) -> Busy:
    """The error that names who is on a database, but those of the server processes `but`."""
    found = sessions(conn, name, but=but)
    named = ", ".join(map(str, found[:3])) + (f" and {len(found) - 3} more" if len(found) > 3 else "")  # noqa: PLR2004
    if not found and (waiting := prepared(conn, name)):
        return Busy(
            f"database {name!r} cannot be {action}: {'; '.join(map(str, waiting[:3]))}",
            hint=f"in that database: {waiting[0].undo}; or COMMIT PREPARED; nothing changed",
            code="prepared",
        )
    return InUse(
        f"database {name!r} cannot be {action} while sessions are on it" + (f": {named}" if named else ""),
        hint="end these sessions and run it again; nothing changed",
    )
