"""Templates of the base schema with some services at head: what a proof of another service starts on.

Kept like the other templates. One is built upon the longest beginning of the same services that is there already, so
services that need each other in a row are migrated once each.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from aegisdb.building.content_hash import digest_chain
from aegisdb.building.lived_order import database_to_follow
from aegisdb.building.templates import (
    TRIES,
    FilesChanged,
    alone,
    ground_name,
    holds,
    keep_grounds,
    promote_template,
    template,
)
from aegisdb.postgres import databases
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.revisions.load import good_histories
from aegisdb.revisions.order import service_order
from aegisdb.runtime.step_options import StepOptions
from aegisdb.runtime.upgrade import apply_histories

if TYPE_CHECKING:
    from collections.abc import Collection

    from aegisdb.postgres.connection import Connection
    from aegisdb.workspace import Workspace


def ground(ws: Workspace, services: Collection[str]) -> str:
    """The name of a template with these services at head; `services` holds all that they need themselves.

    Raises:
        RevisionFailed: one of them does not apply; Busy: another process builds the same for too long.
        FilesChanged: revisions were changed meanwhile, again and again.
    """
    for _ in range(TRIES - 1):
        with suppress(FilesChanged):  # also where they were seen to read what does not count yet
            return _ground(ws, services)
    return _ground(ws, services)


def _ground(ws: Workspace, services: Collection[str]) -> str:
    base = template(ws, "base")
    if not services:
        return base
    order = list(service_order(ws.registry, good_histories(ws.registry, services)))
    names = _names(ws, base, order)
    with databases.maintenance(ws.address(), application="aegisdb: templates") as conn:
        if not holds(conn, names[-1]):
            with alone(ws, names[-1]):
                _make(ws, conn, base, order, names)
    return names[-1]


def _names(ws: Workspace, base: str, order: list[str]) -> list[str]:
    """The names of the templates, one for each beginning of the order, of the files as they are now."""
    histories = good_histories(ws.registry, order)
    return [ground_name(ws, digest) for digest in digest_chain(ws.registry, base, [histories[name] for name in order])]


def _make(ws: Workspace, conn: Connection, base: str, order: list[str], names: list[str]) -> None:
    if holds(conn, names[-1]):  # somebody else built it while this process waited
        return
    there = next((i for i in range(len(names) - 1, 0, -1) if holds(conn, names[i - 1])), 0)
    source = names[there - 1] if there else base
    with scratch(ws.address(), template=source, label=f"template ground of {order[-1]}") as address:
        live = database_to_follow(ws, address, services=order[there:])
        with connect(address) as there_conn:
            identity = there_conn.identity()
        apply_histories(
            ws.registry,
            address,
            identity,
            services=order[there:],
            live=live,
            options=StepOptions(listen=ws.listen, journal=False),
            bindir=ws.server.bindir(),
        )
        if _names(ws, base, order) != names:
            raise FilesChanged
        promote_template(conn, address.database, names[-1], "ground", source)
    keep_grounds(ws, conn)
