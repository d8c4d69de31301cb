"""Finished databases under a content hash, from which others are cloned.

A template is built in a scratch database and gets its name only when it is finished, so nobody ever sees half of one,
and a killed build leaves a scratch database for the next sweep. Connections to a template are not allowed: one idle
session in it would make every clone wait.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from aegisdb.building.content_hash import level_hashes
from aegisdb.building.lacking import end_lacking, lacking, lacking_fact
from aegisdb.building.levels import LEVELS, fill
from aegisdb.errors import Busy
from aegisdb.postgres import databases
from aegisdb.postgres.locks import replacing_lock
from aegisdb.postgres.markers import read_marker, read_markers
from aegisdb.postgres.quoting import MAX_NAME_BYTES, cut_name, quote_ident
from aegisdb.postgres.replacement import promote
from aegisdb.postgres.scratch import scratch
from aegisdb.progress import Event

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aegisdb.building.levels import Level
    from aegisdb.postgres.connection import Connection
    from aegisdb.postgres.markers import Kind, Marker
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace

KEPT = 6
"""Templates kept for one project and server; the least recently built are dropped."""

_BUILD_WAIT = 900.0  # seconds for another process that builds the same template
_INFIX = "__tpl_"
TRIES = 3
"""How often something is built anew because what it was built from was changed meanwhile."""


class FilesChanged(Busy):
    """The name that was to be given is that of other files than those that were built."""

    default_code = "files_changed"

    def __init__(self) -> None:
        super().__init__(
            "files that the database is built from were changed while it was built",
            hint="run it again once they stay the same; nothing changed",
        )


def template(
    ws: Workspace, upto: Level, conn: Connection | None = None, histories: Mapping[str, History] | None = None
) -> str:
    """The name of an up-to-date template of this level; what is missing is built from the deepest one that still holds.

    `conn` is a session on the maintenance database, `histories` what the registry has, where the caller has them.

    Raises:
        What `levels.build` raises; Busy: another process builds the same template for too long. FilesChanged: what it
        is built from was changed meanwhile; where the caller gave no `histories`, again and again.
    """
    for _ in range(TRIES if histories is None else 0):
        with suppress(FilesChanged):
            return _template(ws, upto, conn, None)
    return _template(ws, upto, conn, histories)


def _template(ws: Workspace, upto: Level, conn: Connection | None, histories: Mapping[str, History] | None) -> str:
    if upto == "seeds":
        upto = _last_level(ws)
    if conn is None:
        with databases.maintenance(ws.address(), application="aegisdb: templates", client=ws.client) as own:
            return _template(ws, upto, own, histories)
    names = _names(ws, conn, upto, histories)
    if not holds(conn, names[upto]):
        if upto != "base":
            from aegisdb.runtime.forkserver import warm_process

            warm_process(ws.registry)  # its imports take a second, beside the base schema
        with alone(ws, names[upto]):
            _make(ws, conn, names, upto)
    return names[upto]


def known_template(ws: Workspace, upto: Level, histories: Mapping[str, History]) -> str:
    """The name of the template of these histories, whatever the files are now; empty where there is none."""
    with databases.maintenance(ws.address(), application="aegisdb: templates", client=ws.client) as conn:
        name = _names(ws, conn, upto, histories)[upto]
        return name if holds(conn, name) else ""


def has_template(ws: Workspace, upto: Level) -> bool:
    """Whether an up-to-date template of this level is there, so that nothing need be built."""
    with databases.maintenance(ws.address(), application="aegisdb: templates", client=ws.client) as conn:
        return holds(conn, _names(ws, conn, upto, None)[upto])


def newest_template(ws: Workspace, conn: Connection) -> str:
    """The template with all levels that was built last, whatever went into it; empty without one."""
    found = _finished(conn, f"{_prefix(ws)}{_last_level(ws)}_")
    return max(found, key=lambda name: found[name].made, default="")


def template_names(ws: Workspace, conn: Connection) -> tuple[tuple[str, str, int], ...]:
    """(name, made, bytes) of every template of this project on the server, newest first."""
    rows = conn.rows(
        "SELECT datname, pg_database_size(oid) FROM pg_database WHERE starts_with(datname, %s)", (_prefix(ws),)
    )
    found = [(name, marker.made, size) for name, size in rows if (marker := _marked(conn, name, "template"))]
    return tuple(sorted(found, key=lambda row: row[1], reverse=True))


def spare_copy_names(ws: Workspace, template: str) -> tuple[str, str]:
    """The names of a template's two spare copies (building/spare.py)."""
    first = spare_prefix(ws) + template.rpartition("_")[2]
    return first, f"{first}_2"


def spare_prefix(ws: Workspace, database: str = "") -> str:
    """What the names of this checkout's spare copies begin with, or of those of the checkout with that database."""
    if not (tag := checkout_tag(ws, database)):
        return f"{_prefix(ws)}spare_"
    infix = f"{_INFIX}{tag}spare_"
    return cut_name(ws.registry.file.project, MAX_NAME_BYTES - len(infix) - 14) + infix


def checkout_tag(ws: Workspace, database: str = "") -> str:
    """What tells databases of a linked worktree from those of others on the same server; empty in the main one.

    `database` is that of another checkout.
    """
    name = database or ws.address().database
    if not ws.server.own or name == ws.registry.file.database.name:
        return ""
    return hashlib.sha256(name.encode()).hexdigest()[:6] + "_"


def spare_names(ws: Workspace, conn: Connection) -> dict[str, int]:
    """Bytes of every finished spare copy of this checkout on the server, by name."""
    rows = conn.rows(
        "SELECT datname, pg_database_size(oid) FROM pg_database WHERE starts_with(datname, %s)",
        (spare_prefix(ws),),
    )
    return {name: size for name, size in rows if _marked(conn, name, "spare")}


def drop_templates(ws: Workspace, conn: Connection, *, keep: int = 0) -> tuple[str, ...]:
    """Drop the templates of this project but the `keep` newest, and with `keep` 0 the grounds as well; their names."""
    names = [name for name, _, _ in template_names(ws, conn)]
    kept = [name for name in names if name.startswith(_ground_prefix(ws))]
    levels = [name for name in names if name not in kept]
    return _drop(conn, levels[keep:] + ([] if keep else kept))


def grounds(ws: Workspace, conn: Connection) -> dict[str, Mapping[str, str]]:
    """By name, what the makers of grounds that are there noted."""
    return {name: marker.facts for name, marker in _finished(conn, _ground_prefix(ws)).items()}


def _finished(conn: Connection, prefix: str) -> dict[str, Marker]:
    """The markers of the finished templates whose names begin so."""
    found = {name: marker for name, marker in read_markers(conn, prefix).items() if marker and marker.valid}
    return {name: marker for name, marker in found.items() if marker.kind == "template"}


def keep_grounds(ws: Workspace, conn: Connection) -> None:
    """Drop the oldest grounds: as many as there are services may be in use by one run, so these and some more stay."""
    names = [name for name, _, _ in template_names(ws, conn) if name.startswith(_ground_prefix(ws))]
    _drop(conn, names[len(ws.registry.services) + KEPT :])


def ground_name(ws: Workspace, digest: str) -> str:
    """The name of the template of a ground."""
    return _ground_prefix(ws) + digest


def _drop(conn: Connection, names: list[str]) -> tuple[str, ...]:
    for name in names:
        databases.drop(conn, name)
    return tuple(names)


def _ground_prefix(ws: Workspace) -> str:
    return f"{_prefix(ws)}ground_"


def _make(ws: Workspace, conn: Connection, names: dict[Level, str], upto: Level) -> None:
    """Build the level, and those below that are missing, one upon the other."""
    if holds(conn, names[upto]):  # somebody else built it while this process waited
        return
    below = LEVELS[: LEVELS.index(upto)]
    if below and not holds(conn, names[below[-1]]):
        with alone(ws, names[below[-1]]):
            _make(ws, conn, names, below[-1])
    source = names[below[-1]] if below else None
    began = time.monotonic()
    with scratch(ws.address(), template=source, label=f"template {upto}") as address:
        fill(ws, address, upto)
        if _names(ws, conn, upto, None)[upto] != names[upto]:
            raise FilesChanged
        promote_template(conn, address.database, names[upto], upto, source)
    ws.listen(Event(step="template", subject=upto, seconds=time.monotonic() - began))
    drop_templates(ws, conn, keep=KEPT * (1 + _other_checkouts(ws, conn)))


def promote_template(
    conn: Connection, scratch_name: str, name: str, level: str, source: str | None, **facts: str
) -> None:
    """Make a finished scratch database the template `name`, with `facts`; nobody may connect to it from then on.

    What its copies would not have is ended and noted, with what it lacks already as a copy of `source`.
    """
    facts |= lacking_fact((lacking(conn, source) if source else {}) | end_lacking(conn, scratch_name))
    databases.wait_until_free(conn, scratch_name)
    conn.execute(f"ALTER DATABASE {quote_ident(scratch_name)} ALLOW_CONNECTIONS false")
    promote(conn, scratch_name, name, "template", {"level": level, **facts})


def holds(conn: Connection, name: str) -> bool:
    """Whether this template is there and finished."""
    return _marked(conn, name, "template") is not None


def _other_checkouts(ws: Workspace, conn: Connection) -> int:
    """How many other checkouts have a database here, whose templates these are too."""
    names = [name for (name,) in conn.rows("SELECT datname FROM pg_database")] if ws.server.own else []
    return sum(ws.server.checkouts.is_others(name) and "__" not in name.partition("__wt_")[2] for name in names)


def _last_level(ws: Workspace) -> Level:
    """The level that makes the whole database; without seeds a template of its own would only be more files."""
    return "seeds" if any(service.seeds for service in ws.registry.services.values()) else "histories"


def _marked(conn: Connection, name: str, kind: Kind) -> Marker | None:
    marker = read_marker(conn, name)
    return marker if marker is not None and marker.valid and marker.kind == kind else None


def _names(ws: Workspace, conn: Connection, upto: Level, histories: Mapping[str, History] | None) -> dict[Level, str]:
    hashes = level_hashes(ws, conn, upto, histories)
    return {level: f"{_prefix(ws)}{level}_{digest}" for level, digest in hashes.items()}


def _prefix(ws: Workspace) -> str:
    longest = len(_INFIX) + len("histories_") + 12
    return cut_name(ws.registry.file.project, MAX_NAME_BYTES - longest) + _INFIX


@contextmanager
def alone(ws: Workspace, name: str) -> Iterator[None]:
    """Build this template while no other command builds it; raises Busy if one does for too long."""
    # the same polled lock as for who replaces a database, under the template's own name
    address = ws.address().with_database(name)
    with replacing_lock(address, wait=_BUILD_WAIT, command="build a template", listen=ws.listen):
        yield
