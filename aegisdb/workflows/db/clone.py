"""`db.clone`: a fresh database of one's own, for a script or another language's tests; `--drop` drops it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.building import template
from aegisdb.building.clones import cloning, kept_clones, make_clone
from aegisdb.errors import Refused
from aegisdb.postgres import databases
from aegisdb.postgres.address import Address
from aegisdb.results import Result

if TYPE_CHECKING:
    from aegisdb.workspace import Workspace

_SCHEME = "://"


@dataclass(frozen=True, kw_only=True)
class CloneResult(Result):
    """A database that was made."""

    database: str
    url: str
    """The URL, with its password unless it was asked for without."""


@dataclass(frozen=True, kw_only=True)
class CloneDropResult(Result):
    """A database that is gone."""

    database: str
    dropped: bool
    """False: there was none of that name."""


def clone(ws: Workspace, *, seeds: bool = False, safe: bool = False) -> CloneResult:
    """Make a database with base schema, deploy files and all histories at head, and with `seeds` the seeds.

    It is a clone of the template that resets use, which is built where there is none. `safe` masks the password.

    Raises:
        Refused: the server is shared with others. What `template` raises; Unreachable.
    """
    with cloning(ws, "db.clone") as conn:
        name = template(ws, "seeds" if seeds else "histories", conn)
        made = make_clone(ws, conn, name, made_for="db.clone")
    return CloneResult(database=made.database, url=made.masked if safe else made.url())


def drop_clone(ws: Workspace, which: str) -> CloneDropResult:
    """Drop a kept clone, given by name or URL, and end the sessions on it; nothing where there is none of that name.

    Raises:
        Refused: it is not a kept clone of this project, or the URL leads to another server. Unreachable.
    """
    name = _name(ws, which)
    with databases.maintenance(ws.address(), application="aegisdb: db.clone --drop") as conn:
        there = databases.exists(conn, name)
        if there:
            if name not in {kept.name for kept in kept_clones(ws, conn)}:
                raise Refused(
                    f"database {name!r} was not made by db.clone", hint="invoke db.cache lists those", code="not_ours"
                )
            databases.drop(conn, name, force=True)
    return CloneDropResult(database=name, dropped=there)


def _name(ws: Workspace, which: str) -> str:
    if _SCHEME not in which:
        return which
    given, ours = Address.from_url(which), ws.address()
    if (given.host, given.port) != (ours.host, ours.port):
        raise Refused(
            f"{given} is not on the server of target {ws.target!r}, which is {ours.host}:{ours.port}",
            hint="name the target that it was made on: --target",
            code="not_ours",
        )
    return given.database
