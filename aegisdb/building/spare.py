"""Copies of a template made ahead of time, so that the next reset only renames.

They are made after a reset by a psql that nobody waits for: the next command neither waits for it nor needs it, a
stopped server ends it, and an unfinished copy is invisible to everybody. A checkout has two on an embedded server
whose disk has room, so that two resets in a row find one, and one on a Compose file's; other servers have none.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from subprocess import DEVNULL, PIPE, Popen
from typing import TYPE_CHECKING, Self

from aegisdb import processes
from aegisdb.building.inspection import inspect, is_complete
from aegisdb.building.templates import newest_template, spare_copy_names, spare_prefix
from aegisdb.errors import AegisError, Failed
from aegisdb.postgres import database_properties, databases, psql, side_schema
from aegisdb.postgres.markers import mark_statement, read_markers
from aegisdb.postgres.quoting import quote_ident, quote_literal
from aegisdb.postgres.scratch import is_scratch_name, lock_key, orphans, scratch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from aegisdb.building.inspection import Content
    from aegisdb.postgres.connection import Connection
    from aegisdb.postgres.markers import Marker
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace

_left: list[Popen[bytes]] = []  # Python complains about a child that runs on when nothing refers to it any more
_QUIET = ("-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-f", "-")
_ROOM = 10
"""So many times the size of a template must be free for a second copy of it,"""
_RESERVE = 1 << 30
"""and so many bytes beside that."""
_LATER = "SELECT pg_sleep(2);"
"""While another copy is there: a command that follows at once, such as a reset, has the disk to itself."""
_COPY = """\\set made_{number} false
SELECT pg_try_advisory_lock({key}) AS alone \\gset
\\if :alone
SELECT {room} AND NOT EXISTS (
  SELECT FROM pg_database WHERE datname = {name} AND shobj_description(oid, 'pg_database') LIKE '%"kind": "spare"%'
) AS lacking \\gset
\\if :lacking
{statements}
\\set made_{number} true
\\endif
SELECT pg_advisory_unlock({key});
\\endif"""
"""Makes a copy that nobody else makes now or has made since the command looked."""
_LOOK = """\\if :made_{number}
\\connect {name}
SELECT count(*) FROM pg_class; SELECT count(*) FROM pg_depend;
\\endif"""
"""Reading that is done ahead: the first session on a copy waits for the server to write down its catalog's catalog."""


class Look:
    """A look into a copy of the template that is probably the right one, before anybody knows whether it is.

    That is a spare copy; where there is none, one that is made now. A context manager: what was made and not put in
    place is dropped at its end.
    """

    def __init__(self, template: str = "", spares: Sequence[str] = ()) -> None:
        self.name = ""
        """Name of the copy, once there is one."""
        self.spoiled = ""
        """The name of a spare copy that lacks something which the registry promises."""
        self._template = template
        self._spares = spares
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
            ws.prefetch(next(iter(self._spares), databases.MAINTENANCE))

    def look(self, ws: Workspace, histories: Mapping[str, History]) -> None:
        """Read what is in it and journal that it was taken, in a transaction that `take` ends."""
        if not self._template:
            return
        try:
            self._session = self._open(ws)
            if self._session is None:
                return
            self._transaction = self._session.transaction()
            self._transaction.__enter__()
            content = inspect(self._session, histories)
            if not is_complete(content, ws.registry, histories, seeded=True):
                self.spoiled = self.name if self._spares else ""
                return
            side_schema.journal(self._session, "reset", command=ws.command, note="built up to seeds")
        except AegisError:  # then it is not taken, and what the reset builds instead says what is wrong
            return
        self._content = content

    def _open(self, ws: Workspace) -> Connection | None:
        """Connect to a spare copy that nobody else looks around in, as it could not be renamed, or make a copy."""
        for name in self._spares:
            session = ws.short_session(name)
            if not databases.sessions(session, name):
                self.name = name
                return session
            session.close()
        if self._spares:
            return None
        own = databases.maintenance(ws.address(), application="aegisdb: scratch database", client=ws.client)
        self._made.enter_context(own)
        copy = scratch(ws.address(), own, template=self._template, label="reset", sweeping=False)
        self.name = self._made.enter_context(copy).database
        return ws.short_session(self.name)

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
    """What to look into: a spare copy that is there, else the newest template with all levels.

    Nothing on servers given by URL: they keep no spare, and a copy that was made in vain would be felt there.
    """
    if not can_wait(ws):
        return Look()
    spares = sorted(_spares(ws, conn).items(), key=lambda spare: spare[1].made, reverse=True)
    if not spares:
        return Look(newest_template(ws, conn))
    template = spares[0][1].facts["template"]
    return Look(template, [name for name, marker in spares if marker.facts["template"] == template])


def make_ahead(ws: Workspace, conn: Connection, template: str | None, *, drop: Iterable[str] = ()) -> None:
    """Start making the spare copies of the template, and dropping `drop`, orphans and other templates' spares.

    Nobody waits for that. Does nothing on a server given by URL, which others may share, and where psql is missing.
    What fails is only a spare less: the next reset copies the template itself.
    """
    if not can_wait(ws):
        return
    doomed = dict.fromkeys((*drop, *orphans(conn, ws.address().database)))
    there: list[str] = []
    lacking: list[str] = []
    copies: list[str] = []
    if template:
        wanted, spares, free = spare_copy_names(ws, template), _spares(ws, conn), ws.server.free_bytes()
        there = [name for name in wanted if name in spares and name not in doomed]
        lacking = [name for name in wanted if name not in there][: None if free else 1 - len(there)]
        doomed |= dict.fromkeys(name for name in spares if name not in there)
        for number, name in enumerate(lacking):
            room = free if there or number else None
            copies.append(_copy(conn, template, name, number, room))
    if not lacking and not doomed:
        return
    # held until the psql ends, so that nobody takes them for a dead command's, or drops them as well
    held = [f"SELECT pg_try_advisory_lock({lock_key(name)});" for name in doomed if is_scratch_name(conn, name)]
    spoiled = [f"{databases.drop_statement(name)};" for name in doomed if name in lacking]
    drops = [f"{databases.drop_statement(name)};" for name in doomed if name not in lacking]
    # dropping waits for a checkpoint, and what is wanted first is one copy
    script = [*held, *([_LATER] if there else []), *spoiled, *copies[:1], *drops, *copies[1:]]
    _leave(ws, conn, [*script, *(_LOOK.format(number=n, name=quote_ident(name)) for n, name in enumerate(lacking))])


def _copy(conn: Connection, template: str, name: str, number: int, free: int | None) -> str:
    """The part of the script that makes a spare copy, with `free` bytes only where so many are enough."""
    strategy = databases.strategy_query(template) + " \\gset\n" if databases.chooses(conn) else ""
    copied = database_properties.copy_statements(conn, template, name, ":strategy" if strategy else "")
    # marked last: until then it is not finished
    statements = (databases.drop_statement(name), *copied, mark_statement(name, "spare", {"template": template}))
    enough = f"pg_database_size({quote_literal(template)}) * {_ROOM} + {_RESERVE} < {free}"
    return _COPY.format(
        number=number,
        key=lock_key(name),
        room="true" if free is None else enough,
        name=quote_literal(name),
        statements=strategy + "\n".join(f"{one};" for one in statements),
    )


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
