"""What a database has in catalogs of the whole server: CREATE DATABASE ... TEMPLATE does not copy it.

PostgreSQL drops no database that has a subscription or a prepared transaction, WITH (FORCE) neither.
"""

from __future__ import annotations

from typing import NamedTuple

from aegisdb.postgres.connection import Connection, connect
from aegisdb.postgres.quoting import quote_ident, quote_literal

SUBSCRIPTION, SLOT, PREPARED = "subscription", "replication slot", "prepared transaction"
_FOUND = f"""
    SELECT '{SUBSCRIPTION}', s.subname::text FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
     WHERE d.datname = %s
    UNION ALL SELECT '{SLOT}', slot_name::text FROM pg_replication_slots WHERE database = %s AND NOT temporary
    UNION ALL SELECT '{PREPARED}', gid FROM pg_prepared_xacts WHERE database = %s ORDER BY 1, 2"""  # noqa: S608


class Uncopied(NamedTuple):
    """A thing of a database that no copy has."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    def end_statements(self) -> tuple[str, ...]:
        """What ends it, said in its database.

        A subscription leaves its slot on the publisher alone: another one of that name may be reading from there.
        """
        if self.kind == PREPARED:
            return (f"ROLLBACK PREPARED {quote_literal(self.name)}",)
        if self.kind == SLOT:
            return (f"SELECT pg_drop_replication_slot({quote_literal(self.name)})",)
        name = quote_ident(self.name)
        return (
            f"ALTER SUBSCRIPTION {name} DISABLE",
            f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)",
            f"DROP SUBSCRIPTION {name}",
        )


def uncopied(conn: Connection, name: str) -> tuple[Uncopied, ...]:
    """What this database has that a copy of it would not have; `conn` may be on any database of the server."""
    return tuple(Uncopied(kind, what) for kind, what in conn.rows(_FOUND, (name, name, name)))


def end_uncopied(conn: Connection, name: str) -> None:
    """End whatever of that a database has which is dropped next, or copied; raises as `connect` and its statements."""
    if not (found := uncopied(conn, name)):
        return
    conn.execute(f"ALTER DATABASE {quote_ident(name)} ALLOW_CONNECTIONS true")  # a template lets nobody in
    with connect(conn.address.with_database(name), application="aegisdb: drop") as there:
        for one in found:
            for statement in one.end_statements():
                there.execute(statement)
