"""A copy of a template made ahead of time, so that the next reset only renames.

It is made after a reset by a psql that nobody waits for: the next command neither waits for it nor needs it, a stopped
server ends it, and an unfinished copy is invisible to everybody. There is one for a project, on the servers that the
project has to itself.
"""

from __future__ import annotations

from contextlib import suppress
from subprocess import DEVNULL, PIPE, Popen
from typing import TYPE_CHECKING

from aegisdb import processes
from aegisdb.building.templates import spare_name, spare_names
from aegisdb.postgres import databases, psql
from aegisdb.postgres.markers import mark_statement, read_marker
from aegisdb.postgres.quoting import quote_ident

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aegisdb.postgres.connection import Connection
    from aegisdb.workspace import Workspace

_left: list[Popen[bytes]] = []  # Python complains about a child that runs on when nothing refers to it any more
_QUIET = ("-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-f", "-")
_LOOK = "SELECT count(*) FROM pg_class; SELECT count(*) FROM pg_depend;"
"""Whoever connects to a copy first waits for the server to write down its catalog's catalog, and for what he reads."""


def ready(conn: Connection, template: str) -> str:
    """The name of the finished spare copy of this very template; empty without one."""
    name = spare_name(template)
    marker = read_marker(conn, name)
    fits = marker is not None and marker.valid and marker.kind == "spare" and marker.facts.get("template") == template
    return name if fits and not databases.sessions(conn, name) else ""


def make_ahead(ws: Workspace, conn: Connection, template: str | None, *, drop: Iterable[str] = ()) -> None:
    """Start making the spare copy of the template, and dropping `drop` and other templates' spares; nobody waits.

    Does nothing on a server given by URL, which others may share, and where psql is missing. What fails is only a
    spare less: the next reset copies the template itself.
    """
    if not can_wait(ws):
        return
    statements, looks, doomed = [], [], list(drop)
    if template:
        wanted = spare_name(template)
        doomed += [name for name in spare_names(ws, conn) if name != wanted]
        if not databases.exists(conn, wanted):
            if chosen := databases.chooses(conn):
                statements.append(databases.strategy_query(template) + " \\gset")
            copied = databases.copy_statement(conn, template, wanted, ":strategy" if chosen else "")
            statements += [f"{copied};", f"{mark_statement(wanted, 'spare', {'template': template})};"]
            looks = [f"\\connect {quote_ident(wanted)}", _LOOK]
    statements += [f"DROP DATABASE IF EXISTS {quote_ident(name)};" for name in doomed]
    if statements:
        _leave(ws, conn, statements + looks)


def _leave(ws: Workspace, conn: Connection, lines: list[str]) -> None:
    """Leave a script to a psql."""
    argv = [str(psql.binary("psql", ws.server.bindir())), *_QUIET]
    address = conn.address.with_database(databases.MAINTENANCE)
    with psql.login(address, application="aegisdb: spare copy") as (variables, descriptors):
        env = processes.child_environment(variables)
        left = processes.start(
            argv, env=env, pass_fds=descriptors, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, death_signal=None
        )
        _left.append(left)
    assert left.stdin is not None  # noqa: S101  made with a pipe
    with suppress(BrokenPipeError), left.stdin as script:  # it has ended: a spare less
        script.write("\n".join(lines).encode())


def can_wait(ws: Workspace) -> bool:
    """Whether something may be left to a psql in the background."""
    return ws.server.kind != "url" and psql.installed(ws.server.bindir()) and psql.keeps_password_in_memory()
