"""A database that lets nobody in while it is copied or replaced: pools that come back at once would be in the way.

That it is we who closed it is a setting of the database, so that whoever finds it closed later, because we died, may
open it again. `conn` is a session on the maintenance database, of the owner.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from aegisdb.errors import InUse
from aegisdb.postgres import databases
from aegisdb.postgres.lock_holder import holder
from aegisdb.postgres.quoting import quote_ident, quote_literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection

SETTING = "aegisdb.closed"
"""Setting of a database that we have closed: by whom."""
_CLOSED = f"""
    SELECT d.datallowconn, EXISTS (SELECT FROM pg_db_role_setting s, unnest(s.setconfig) entry
                                    WHERE s.setdatabase = d.oid AND starts_with(entry, '{SETTING}='))
      FROM pg_database d WHERE d.datname = %s"""  # noqa: S608  constants of ours


@contextmanager
def closed(conn: Connection, name: str, *, by: str) -> Iterator[None]:
    """Let nobody into a database within the block, and end the sessions that are on it.

    Raises:
        Busy: a session on it may not be ended by this role, or is a prepared transaction; the database is open again.
        StatementFailed: the role does not own the database, or may not end a session.
    """
    close = f"ALTER DATABASE {quote_ident(name)} "
    conn.execute_together([f"{close}SET {SETTING} = {quote_literal(by)}", f"{close}ALLOW_CONNECTIONS false"])
    try:
        databases.end_sessions(conn, name)
        databases.wait_until_free(conn, name)
        yield
    finally:
        if not conn.closed:
            reopen(conn, name)


@contextmanager
def advised() -> Iterator[None]:
    """Say in the error about sessions on a database that there is a flag to end them."""
    try:
        yield
    except InUse as error:
        hint = "stop these applications, or add --disconnect to end their sessions; nothing changed"
        raise error.amended(hint=hint) from None


def reopen(conn: Connection, name: str) -> bool:
    """Let sessions in again where it was we who closed the database; whether it was closed by us."""
    rows = conn.rows(_CLOSED, (name,))
    if not rows or not rows[0][1]:
        return False
    conn.execute_together(opening_statements(name))
    return True


def reopen_abandoned(conn: Connection, address: Address) -> None:
    """Let sessions in again where a run of ours closed the address's database and died."""
    if is_abandoned(conn, address):
        reopen(conn, address.database)


def is_abandoned(conn: Connection, address: Address) -> bool:
    """Whether a run of ours closed the database, did not open it again, and nobody works on it any more."""
    rows = conn.rows(_CLOSED, (address.database,))
    return bool(rows) and rows[0][1] and not rows[0][0] and holder(address, conn) is None


def opening_statements(name: str) -> list[str]:
    """What opens a database of this name, for a transaction that renames it."""
    alter = f"ALTER DATABASE {quote_ident(name)} "
    return [f"{alter}ALLOW_CONNECTIONS true", f"{alter}RESET {SETTING}"]
