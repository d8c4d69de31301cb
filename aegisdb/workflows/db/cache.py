"""`db.cache`: templates and spare copies, which may go at any time, and clones that were made or kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.building.clones import clone_prefix, kept_clones
from aegisdb.building.templates import drop_templates, spare_names, spare_prefix, template_names
from aegisdb.errors import Busy
from aegisdb.postgres import databases
from aegisdb.results import Result

if TYPE_CHECKING:
    from aegisdb.postgres.connection import Connection
    from aegisdb.workspace import Workspace


_OF_CHECKOUT = """
    SELECT datname, pg_database_size(oid) FROM pg_database d
     WHERE datname = %s OR EXISTS (SELECT FROM unnest(%s::text[]) start WHERE starts_with(d.datname, start))
     ORDER BY 1"""


@dataclass(frozen=True, kw_only=True)
class Cached:
    """A database that can be made again."""

    name: str
    kind: str
    """template, spare, clone, or checkout for what a worktree that was removed has left."""
    made: str
    """UTC; empty for a spare copy."""
    bytes: int
    made_for: str = ""
    """The command that made a clone, or the test that failed in it; the directory of a checkout."""


@dataclass(frozen=True, kw_only=True)
class CacheResult(Result):
    """The databases that are kept, or with `drop` those that were."""

    dropped: bool
    databases: tuple[Cached, ...]
    bytes: int
    """All of them together."""


def cache(ws: Workspace, *, drop: bool = False) -> CacheResult:
    """List templates, spare copies, clones, and what removed worktrees left, on the target's server; `drop` drops them.

    What somebody is connected to, and is no template, stays and is not listed as dropped.

    Raises:
        Busy: one of them is being copied.
    """
    with databases.maintenance(ws.address(), application="aegisdb: db.cache") as conn:
        kept = [Cached(name=n, kind="template", made=m, bytes=size) for n, m, size in template_names(ws, conn)]
        spares = spare_names(ws, conn)
        kept += [Cached(name=name, kind="spare", made="", bytes=size) for name, size in spares.items()]
        kept += [
            Cached(name=c.name, kind="clone", made=c.made, bytes=c.bytes, made_for=c.made_for)
            for c in kept_clones(ws, conn)
        ]
        kept += _left(ws, conn)
        if drop:
            kept = [one for one in kept if one.kind not in {"clone", "checkout"} or _is_dropped(conn, one.name)]
            for name in ws.server.checkouts.orphans():
                if not databases.exists(conn, name):
                    ws.server.checkouts.forget(name)
            for name in spares:
                databases.drop(conn, name)
            drop_templates(ws, conn)
    return CacheResult(dropped=drop, databases=tuple(kept), bytes=sum(one.bytes for one in kept))


def _left(ws: Workspace, conn: Connection) -> list[Cached]:
    """Databases of checkouts that are gone, with their snapshots, spare copies, clones and whatever else they had."""
    return [
        Cached(name=name, kind="checkout", made="", bytes=size, made_for=directory)
        for database, directory in ws.server.checkouts.orphans().items()
        for name, size in conn.rows(_OF_CHECKOUT, (database, _beside(ws, database)))
    ]


def _beside(ws: Workspace, database: str) -> list[str]:
    """What the names of all other databases of the checkout with this one begin with."""
    return [f"{database}__", spare_prefix(ws, database), clone_prefix(ws, database)]


def _is_dropped(conn: Connection, name: str) -> bool:
    try:
        databases.drop(conn, name)
    except Busy:
        return False
    return True
