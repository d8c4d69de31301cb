"""A copy of a template made ahead of time, so that the next reset only renames.

It is made after a reset by a psql that nobody waits for: the next command neither waits for it nor needs it, a stopped
server ends it, and an unfinished copy is invisible to everybody. There is one for a project, on the servers that the
project has to itself.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from subprocess import DEVNULL, PIPE, Popen
from typing import TYPE_CHECKING, Self

from aegisdb import processes
from aegisdb.building.inspection import inspect, is_complete
from aegisdb.building.templates import newest_template, spare_name, spare_prefix
from aegisdb.errors import AegisError, Failed
from aegisdb.postgres import database_properties, databases, psql, side_schema
from aegisdb.postgres.markers import mark_statement, read_markers
from aegisdb.postgres.quoting import quote_ident
from aegisdb.postgres.scratch import is_scratch_name, lock_key, orphans, scratch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractContextManager

    from aegisdb.building.inspection import Content
    from aegisdb.postgres.connection import Connection
    from aegisdb.postgres.markers import Marker
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace

_left: list[Popen[bytes]] = []  # Python complains about a child that runs on when nothing refers to it any more
_QUIET = ("-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-f", "-")
_LOOK = "SELECT count(*) FROM pg_class; SELECT count(*) FROM pg_depend;"
"""Reading that is done ahead: the first session on a copy waits for the server to write down its catalog's catalog."""


class Look:
    """A look into a copy of the template that is probably the right one, before anybody knows whether it is.

    That is the spare copy; where there is none, one that is made now. A context manager: what was made and not put in
    place is dropped at its end.
    """

    def __init__(self, template: str = "", name: str = "") -> None:
        self.name = name
        """Name of the copy, once there is one."""
        self.spoiled = ""
        """The name of a spare copy that lacks something which the registry promises."""
        self._template = template
        self._is_spare = bool(name)
        self._session: Connection | None = None
        self._transaction: AbstractContextManager[None] | None = None
        self._content: Content | None = None
        self._made = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.take(None)
        self._made.__exit__(*error)  # type: ignore[arg-type]

    def begin(self, ws: Workspace) -> None:
        """Start connecting to it, or where it will be made.

        Under the writer lock, as nobody else can take it from now on.
        """
        if self._template:
            ws.prefetch(self.name or databases.MAINTENANCE)

    def look(self, ws: Workspace, histories: Mapping[str, History]) -> None:
        """Read what is in it and journal that it was taken, in a transaction that `take` ends."""
        if not self._template:
            return
        try:
            if not self.name:
                own = databases.maintenance(ws.address(), application="aegisdb: scratch database", client=ws.client)
                self._made.enter_context(own)
                copy = scratch(ws.address(), own, template=self._template, label="reset", sweeping=False)
                self.name = self._made.enter_context(copy).database
            self._session = ws.short_session(self.name)
            if self._is_spare and databases.sessions(self._session, self.name):
                return  # somebody looks around in all databases: it could not be renamed
            self._transaction = self._session.transaction()
            self._transaction.__enter__()
            content = inspect(self._session, histories)
            if not is_complete(content, ws.registry, histories, seeded=True):
                self.spoiled = self.name if self._is_spare else ""
                return
            side_schema.journal(self._session, "reset", command=ws.command, note="built up to seeds")
        except AegisError:  # then it is not taken, and what the reset builds instead says what is wrong
            return
        self._content = content

    def take(self, template: str | None) -> Content | None:
        """What is in it, if it is the copy of this template; its session ends in any case."""
        content = self._content if template and template == self._template else None
        session, self._session = self._session, None
        if session is None:
            return None
        transaction, self._transaction = self._transaction, None
        with session, suppress(AegisError):
            if transaction is not None:
                undone = None if content is not None else Failed("it is not taken")
                transaction.__exit__(type(undone) if undone else None, undone, None)
            return content
        return None


def guess(ws: Workspace, conn: Connection) -> Look:
    """What to look into: the spare copy that is there, else the newest template with all levels.

    Nothing on servers given by URL: they keep no spare, and a copy that was made in vain would be felt there.
    """
    if not can_wait(ws):
        return Look()
    for name, marker in _spares(ws, conn).items():
        return Look(marker.facts["template"], name)
    return Look(newest_template(ws, conn))


def make_ahead(ws: Workspace, conn: Connection, template: str | None, *, drop: Iterable[str] = ()) -> None:
    """Start making the spare copy of the template, and dropping `drop`, orphans and other templates' spares.

    Nobody waits for that. Does nothing on a server given by URL, which others may share, and where psql is missing.
    What fails is only a spare less: the next reset copies the template itself.
    """
    if not can_wait(ws):
        return
    doomed = dict.fromkeys((*drop, *orphans(conn, ws.address().database)))
    statements, looks = [], []
    if template:
        wanted, spares = spare_name(ws, template), _spares(ws, conn)
        doomed |= dict.fromkeys(name for name in spares if name != wanted)
        if wanted in doomed:
            statements.append(f"DROP DATABASE IF EXISTS {quote_ident(wanted)};")
        if wanted not in spares or wanted in doomed:
            if chosen := databases.chooses(conn):
                statements.append(databases.strategy_query(template) + " \\gset")
            copied = database_properties.copy_statements(conn, template, wanted, ":strategy" if chosen else "")
            # marked last: until then it is not finished
            statements += [f"{one};" for one in (*copied, mark_statement(wanted, "spare", {"template": template}))]
            looks = [f"\\connect {quote_ident(wanted)}", _LOOK]
        doomed.pop(wanted, None)
    # held until the psql ends, so that nobody takes them for a dead command's, or drops them as well
    held = [f"SELECT pg_try_advisory_lock({lock_key(name)});" for name in doomed if is_scratch_name(conn, name)]
    statements += [f"DROP DATABASE IF EXISTS {quote_ident(name)};" for name in doomed]
    if statements:
        _leave(ws, conn, held + statements + looks)


def _spares(ws: Workspace, conn: Connection) -> dict[str, Marker]:
    """Finished spare copies of this checkout on the server."""
    found = read_markers(conn, spare_prefix(ws))
    return {
        name: marker
        for name, marker in found.items()
        if marker is not None and marker.valid and marker.kind == "spare" and "template" in marker.facts
    }


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
    return ws.server.managed and psql.installed(ws.server.bindir()) and psql.keeps_password_in_memory()
