"""Signs that others use the server of a database, or reach it from afar; and whether the database is empty.

Each sign denies only: none of them shows that a server may be used.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from aegisdb.plain_text import some_of
from aegisdb.postgres import side_schema
from aegisdb.postgres.databases import MAINTENANCE, maintenance
from aegisdb.postgres.markers import read_markers
from aegisdb.postgres.scratch import is_scratch_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.postgres.connection import Connection

_ADDRESSES = "SELECT host(inet_client_addr()), host(inet_server_addr())"
_DATABASES = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> ALL (%s) ORDER BY datname"
_SESSIONS = """
    SELECT count(*) FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND datname <> current_database()
       AND coalesce(application_name, '') NOT LIKE 'aegisdb%'"""
# what initdb made has numbers below 16384; what an extension made is found in its image by whoever starts the server
_EMPTY = """
    SELECT NOT EXISTS (SELECT FROM pg_largeobject_metadata) AND NOT EXISTS (
        SELECT FROM (SELECT 'pg_namespace'::regclass::oid AS kind, oid FROM pg_namespace WHERE nspname !~ %s
                     UNION ALL SELECT 'pg_class'::regclass, oid FROM pg_class
                                WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
                                  AND relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname !~ %s)
                     UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typtype IN ('e', 'd', 'r')
                     UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc) made
         WHERE made.oid >= 16384 AND NOT EXISTS (
               SELECT FROM pg_depend d WHERE d.classid = made.kind AND d.objid = made.oid AND d.deptype = 'e'))"""


def is_empty(conn: Connection) -> bool:
    """Whether the database has no schema, table, view, sequence, type, function or large object but extensions' own."""
    return bool(conn.value(_EMPTY, ("^pg_",) * 2))


def has_only_side_schema(conn: Connection) -> bool:
    """Whether the database is empty but for the side schema."""
    return bool(conn.value(_EMPTY, (f"^pg_|^{side_schema.NAME}$",) * 2))


def neighbours(conn: Connection) -> Iterator[str]:
    """Yield signs that others use the server of this session's database, or that the session comes from afar."""
    if where := _distance(conn):
        yield where
    here = conn.identity().database
    markers = read_markers(conn, "")
    names = [name for (name,) in conn.rows(_DATABASES, ([here, MAINTENANCE],))]
    ours = {name for name, marker in markers.items() if marker is not None and marker.valid}
    if others := [name for name in names if name not in ours and not is_scratch_name(conn, name)]:
        yield f"other databases are on its server: {some_of(others)}"
    if sessions := conn.value(_SESSIONS):
        yield f"{sessions} session(s) of other applications are on its server"
    if here != MAINTENANCE:
        with maintenance(conn.address, application="aegisdb: proofs") as beside:
            if not is_empty(beside):
                yield f"database {MAINTENANCE!r} of its server is in use: it is not empty"


def _distance(conn: Connection) -> str:
    """How this session comes from afar; empty where it does not."""
    addresses = [ip_address(text) for text in conn.rows(_ADDRESSES)[0] if text]
    if not all(address.is_private or address.is_loopback or address.is_link_local for address in addresses):
        return "it is reached over a public network"
    if conn.between() == "proxy" and any(address.is_loopback for address in addresses[:1]):
        return "it is reached through a tunnel or a relay that ends on its machine"
    return ""
