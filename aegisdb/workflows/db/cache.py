"""`db.cache`: the templates that make a reset quick, and the spare copy; all of them may go at any time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.building.templates import drop_templates, spare_names, template_names
from aegisdb.postgres import databases
from aegisdb.results import Result

if TYPE_CHECKING:
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Cached:
    """One database that is only kept to be copied or taken."""

    name: str
    kind: str
    made: str
    """UTC; empty for a spare copy."""
    bytes: int


@dataclass(frozen=True, kw_only=True)
class CacheResult(Result):
    """What is kept, or with `drop` what was."""

    dropped: bool
    databases: tuple[Cached, ...]
    bytes: int
    """All of them together."""


def cache(ws: Workspace, *, drop: bool = False) -> CacheResult:
    """List the templates and the spare copy of this project on the target's server; `drop` drops them.

    Raises:
        Busy: one of them is being copied.
    """
    with databases.maintenance(ws.address(), application="aegisdb: db.cache") as conn:
        kept = [Cached(name=n, kind="template", made=m, bytes=size) for n, m, size in template_names(ws, conn)]
        spares = spare_names(ws, conn)
        kept += [Cached(name=name, kind="spare", made="", bytes=size) for name, size in spares.items()]
        if drop:
            for name in spares:
                databases.drop(conn, name)
            drop_templates(ws, conn)
    return CacheResult(dropped=drop, databases=tuple(kept), bytes=sum(one.bytes for one in kept))
