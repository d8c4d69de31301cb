"""The holder of the lock of a database: the run that writes into it or replaces it now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.errors import LoginRefused, NoDatabase
from aegisdb.fast_dataclass import dataclass
from aegisdb.postgres.connection import connect, moment
from aegisdb.postgres.databases import maintenance
from aegisdb.postgres.markers import who
from aegisdb.postgres.quoting import quote_literal
from aegisdb.postgres.signs_of_life import SILENCE, SILENT

if TYPE_CHECKING:
    from datetime import datetime

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection

CLASS = 0x61656769  # "aegi", above the oid in the key of a writer's lock
WRITERS = f"l.classid = {CLASS} AND l.objid = d.oid AND l.database = d.oid"
REPLACERS = "(l.classid::bigint << 32) | l.objid::bigint = hashtextextended('aegisdb: ' || d.name, 0)"
_HOLDERS = f"""
    SELECT a.pid, coalesce(a.application_name, ''), coalesce(host(a.client_addr), 'local'),
           CASE WHEN {WRITERS} THEN a.xact_start ELSE a.backend_start END, CASE WHEN {WRITERS} THEN {SILENT} END
      FROM (SELECT name, (SELECT oid FROM pg_database WHERE datname = name) FROM (SELECT {{name}} AS name) n) d,
           pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND a.pid <> pg_backend_pid() AND ({{which}})"""  # noqa: S608  constants of ours


@dataclass(frozen=True)
class Holder:
    """The holder of the lock of a database; `since` is None where this role may not know it."""

    pid: int
    application: str
    client: str
    since: datetime | None
    silent: int | None = None
    """Seconds since a writer's last sign of life (`signs_of_life`); None for who gives none."""

    def __str__(self) -> str:
        command = self.application.removeprefix("aegisdb: ")
        since = f" since {self.since:%H:%M:%S}" if self.since else ""
        silent = f", which has given no sign of life for {self.silent} s" if self.lost else ""
        return f"{command} from {self.client} (server pid {self.pid}){since}{silent}"

    @property
    def lost(self) -> bool:
        """Whether it has been silent for so long that nobody living seems to be behind it."""
        return self.silent is not None and self.silent >= SILENCE

    @property
    def end(self) -> str:
        """SQL that ends its session, and frees the lock."""
        return f"SELECT pg_terminate_backend({self.pid})"


def holder_name(command: str) -> str:
    """The application name of a session that holds the lock for a command."""
    return f"aegisdb: {command} {who()}"


def holder(address: Address, conn: Connection | None = None) -> Holder | None:
    """The holder that writes into the address's database or replaces it now; `conn` is any session on its server."""
    if conn is not None:
        return first_holder(conn, quote_literal(address.database), f"{WRITERS} OR {REPLACERS}")
    application = "aegisdb: look for the lock's holder"
    try:
        own = maintenance(address, application=application)
    except (LoginRefused, NoDatabase):
        own = connect(address, application=application)  # a hosted server may keep the role out of `postgres`
    with own:
        return holder(address, own)


def name_key(database: str) -> str:
    """SQL for the key of the lock on a database's name, which session-level advisory locks of the suite have."""
    return f"hashtextextended({quote_literal(f'aegisdb: {database}')}, 0)"


def first_holder(conn: Connection, name: str, which: str) -> Holder | None:
    """The first of them but this session itself; `name` is SQL for that of the database."""
    for pid, application, client, since, silent in conn.rows(_HOLDERS.format(name=name, which=which)):
        told = None if conn.address.ours else silent
        return Holder(pid, application, client, moment(since) if since else None, told)
    return None
