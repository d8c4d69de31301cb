"""`db.status`: server, extensions, graphs, triggers, which proof holds; also when server or database is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aegisdb.errors import NoDatabase, Problem, Unreachable
from aegisdb.results import Result

if TYPE_CHECKING:
    from aegisdb.postgres.connection import Connection
    from aegisdb.postgres.lock_holder import Holder
    from aegisdb.workspace import Workspace

_PATIENCE = "10s"
_TRIGGERS = """
    SELECT pg_catalog.format('%s.%s: %s', n.nspname, c.relname, t.tgname), t.tgenabled::text
      FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE NOT t.tgisinternal AND n.nspname NOT IN ('ag_catalog', 'aegisdb') ORDER BY 1"""
_DISABLED = "D"


@dataclass(frozen=True, kw_only=True)
class DbStatusResult(Result):
    """What is there. Sizes in bytes; empty where it is not known because something is missing."""

    target: str
    server: str
    """embedded, compose or url."""
    state: str
    """up, no_database, or down."""
    database: str = ""
    reached: str = ""
    """database@host:port as the server itself sees them."""
    route: str = ""
    """What stands between, such as "through a pooler that shares sessions"; empty on a server of our own."""
    version: str = ""
    bytes: int = 0
    sessions: int = 0
    """Sessions of others on the database."""
    extensions: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    """Extensions and graphs of the registry that the database lacks."""
    graphs: tuple[str, ...] = ()
    broken_graphs: tuple[str, ...] = ()
    """Graphs that a restored dump has left under another number, so that no query finds them."""
    triggers: int = 0
    disabled_triggers: tuple[str, ...] = ()
    disposable: str = ""
    """The proof that holds; empty when destructive commands are refused."""
    against: tuple[str, ...] = ()
    """What forbids destructive commands or speaks against them."""
    writer: str = ""
    """The holder of the writer lock."""


def db_status(ws: Workspace) -> DbStatusResult:
    """Look at server and database; changes nothing and takes no lock.

    A server that is down is a problem `unreachable` (exit 7), a missing database `no_database` (7), and a missing
    extension or graph or a disabled trigger `incomplete` (6), a graph that a dump has broken `base_schema` (6).

    Raises:
        Busy: the database is closed while it is copied or replaced.
    """
    from aegisdb.postgres.connection import connect

    try:
        address = ws.address()
        with ws.let_in(lambda: connect(address, application="aegisdb: db.status"), address) as conn:
            return looked_at(ws, conn)
    except Unreachable as error:
        missing = _missing(ws) if isinstance(error, NoDatabase) else None
        return missing or DbStatusResult(target=ws.target, server=ws.server.kind, state="down", problems=error.problems)


def _missing(ws: Workspace) -> DbStatusResult | None:
    """The server is there, the database is not; None where that cannot be known either."""
    from aegisdb.postgres.databases import exists, maintenance

    name = ws.address().database
    try:
        with maintenance(ws.address(), application="aegisdb: db.status") as conn:
            version, there = str(conn.value("SHOW server_version")), exists(conn, name)
    except Unreachable:
        return None
    message = f"the pooler does not list database {name!r}" if there else f"there is no database {name!r}"
    hint = "add it to the pooler's databases" if there else "invoke db.prepare"
    return DbStatusResult(
        target=ws.target,
        server=ws.server.kind,
        state="no_database",
        database=name,
        version=version,
        problems=(Problem(code="no_database", message=message, hint=hint, exit_code=7),),
    )


def looked_at(ws: Workspace, conn: Connection) -> DbStatusResult:
    """What `db.status` says of the database of this session."""
    from aegisdb.postgres.route import find_route

    route = "" if ws.server.own else f"{find_route(conn)}"
    with conn.looking(statement_timeout=_PATIENCE):
        return _looked(ws, conn, route)


def _looked(ws: Workspace, conn: Connection, route: str) -> DbStatusResult:
    from aegisdb.postgres.databases import sessions
    from aegisdb.postgres.lock_holder import holder
    from aegisdb.safety import denials, prove, signals, told

    said = told(conn)
    proof = prove(ws, conn, said)
    return DbStatusResult(
        target=ws.target,
        server=ws.server.kind,
        state="up",
        database=said.there.database,
        reached=said.there.typed,
        route=route,
        version=str(conn.value("SHOW server_version")),
        bytes=int(conn.value("SELECT pg_database_size(current_database())")),
        sessions=len(sessions(conn, said.there.database)),
        disposable=f"{proof.kind}: {proof.evidence}" if proof else "",
        against=denials(ws, conn, said) + signals(conn, said, proof=proof),
        writer=_writer(holder(ws.address().with_database(said.there.database), conn)),
        **_content(ws, conn),
    )


def _content(ws: Workspace, conn: Connection) -> dict[str, Any]:
    from aegisdb.postgres.graphs import broken_graphs, graph_names

    database = ws.registry.file.database
    extensions = dict(conn.rows("SELECT extname, extversion FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1"))
    graphs, broken = graph_names(conn), broken_graphs(conn)
    triggers = conn.rows(_TRIGGERS)
    disabled = tuple(name for name, state in triggers if state == _DISABLED)
    missing = tuple(f"extension {name}" for name in database.extensions if name not in extensions)
    missing += tuple(f"graph {name}" for name in database.graphs if name not in graphs)
    return {
        "extensions": extensions,
        "graphs": graphs,
        "broken_graphs": tuple(graph.name for graph in broken),
        "triggers": len(triggers),
        "disabled_triggers": disabled,
        "missing": missing,
        "problems": (*_problems(missing, disabled), *(graph.problem() for graph in broken)),
    }


def _problems(missing: tuple[str, ...], disabled: tuple[str, ...]) -> tuple[Problem, ...]:
    found = []
    if missing:
        found.append(Problem(code="incomplete", message=f"missing: {', '.join(missing)}", hint="invoke doctor --fix"))
    if disabled:
        names = ", ".join(disabled)
        found.append(
            Problem(
                code="incomplete",
                message=f"disabled triggers: {names}",
                hint="invoke db.verify says how each was enabled: ALTER TABLE ... ENABLE [ALWAYS] TRIGGER",
            )
        )
    return tuple(found)


def _writer(found: Holder | None) -> str:
    return str(found) if found else ""
