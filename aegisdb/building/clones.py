"""Databases that are cloned from a template for the use of a script or a test, which may destroy them.

A kept clone outlives its maker: it is named `<project>__clone_<id>`, marked as a test database, and stays until it is
dropped. A clone of a test run is a scratch database (postgres/scratch.py), which any sweep drops once the run is dead.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from aegisdb.building.beside import require_throw_away_server
from aegisdb.building.templates import checkout_tag
from aegisdb.errors import DatabaseClosed, NoDatabase
from aegisdb.fast_dataclass import dataclass
from aegisdb.postgres import databases
from aegisdb.postgres.markers import read_markers
from aegisdb.postgres.quoting import MAX_NAME_BYTES, cut_name
from aegisdb.postgres.replacement import promote
from aegisdb.postgres.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection
    from aegisdb.workspace import Workspace

_RANDOM_BYTES = 6


@dataclass(frozen=True, kw_only=True)
class Clone:
    """A kept clone on the server."""

    name: str
    made: str
    """UTC."""
    made_by: str
    made_for: str
    """The command, or the test that failed in it."""
    bytes: int


@contextmanager
def cloning(ws: Workspace, verb: str) -> Iterator[Connection]:
    """A session on the maintenance database of the target's server, started where it is ours, where clones may be made.

    Raises:
        Refused: it is not a throw-away server. Unreachable: it does not answer.
    """
    try:
        with suppress(NoDatabase, DatabaseClosed):
            ws.server.start(ws.listen, ws.client)
        with databases.maintenance(ws.address(), application=f"aegisdb: {verb}", client=ws.client) as conn:
            require_throw_away_server(ws, conn, verb=verb)
            yield conn
    finally:
        ws.client.close()


def make_clone(ws: Workspace, conn: Connection, template: str, *, made_for: str) -> Address:
    """A kept clone of a template; it has its name only when it is finished."""
    with scratch(ws.address(), conn, template=template, label="clone") as made:
        return keep_clone(ws, conn, made, made_for=made_for)


def keep_clone(ws: Workspace, conn: Connection, made: Address, *, made_for: str) -> Address:
    """Make a kept clone of a scratch database that nobody is connected to.

    Raises:
        Busy: sessions are on it.
    """
    name = clone_prefix(ws) + secrets.token_hex(_RANDOM_BYTES)
    promote(conn, made.database, name, "test", {"made_for": made_for})
    return made.with_database(name)


def kept_clones(ws: Workspace, conn: Connection) -> tuple[Clone, ...]:
    """The kept clones of this checkout on the server, oldest first."""
    found = read_markers(conn, clone_prefix(ws))
    ours = {name: marker for name, marker in found.items() if marker and marker.valid and marker.kind == "test"}
    sizes = dict(
        conn.rows("SELECT datname, pg_database_size(oid) FROM pg_database WHERE datname = ANY (%s)", (list(ours),))
    )
    clones = (
        Clone(
            name=name,
            made=marker.made,
            made_by=marker.made_by,
            made_for=marker.facts.get("made_for", ""),
            bytes=sizes[name],
        )
        for name, marker in ours.items()
        if name in sizes  # somebody may have dropped it
    )
    return tuple(sorted(clones, key=lambda clone: clone.made))


def clone_prefix(ws: Workspace, database: str = "") -> str:
    """What the names of this checkout's kept clones begin with, or of those of the checkout with that database."""
    infix = f"__{checkout_tag(ws, database)}clone_"
    return cut_name(ws.registry.file.project, MAX_NAME_BYTES - len(infix) - 2 * _RANDOM_BYTES) + infix
