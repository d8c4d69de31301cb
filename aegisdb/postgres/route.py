"""What stands between us and the server, told by the first answer of a session.

libpq is given a key of its session when it connects. A pooler makes up keys of its own, so where the key is not the
number of the server process, somebody stands between. Where it is, but the ports that the server sees are not those of
our socket, there is a proxy, a tunnel or a translation of addresses, which may lead one session to several servers.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError, NoAnswer, StatementFailed, TooFewSessions
from aegisdb.fast_dataclass import dataclass
from aegisdb.postgres.capabilities import (
    ADVISORY_LOCKS,
    ENOUGH_SESSIONS,
    ONE_SERVER,
    OWN_DATABASES,
    OWN_SESSION,
    PRIMARY,
    SESSIONS,
    TRANSACTIONAL_DDL,
)
from aegisdb.postgres.connection import Between, connect
from aegisdb.postgres.privileges import INSUFFICIENT_PRIVILEGE

if TYPE_CHECKING:
    from aegisdb.postgres.capabilities import Capability
    from aegisdb.postgres.connection import Connection

_TURNS = (0, 1, 2, 3, 1, 1, 0, 2, 0, 3, 3, 0)  # which session asks: no regular order, which a pooler could follow
_PATIENCE = 10.0  # seconds
_UNDONE_DDL = (
    "BEGIN",
    "CREATE TEMPORARY TABLE aegisdb_undone ()",
    "ROLLBACK",
    "SELECT to_regclass('pg_temp.aegisdb_undone') IS NULL",
)
_PRIMARY = re.compile(r"(?P<name>host|port)\s*=\s*'?(?P<value>[^\s']+)")


@dataclass(frozen=True)
class Route:
    """How a session reaches its server."""

    kind: Between
    standby: bool = False
    primary: str = ""
    """host:port of the standby's primary, where this role may know it."""
    shared: bool = False
    """Several sessions of ours are one of the server's, between two transactions or statements, or always."""
    few: int = 0
    """How many sessions we get at once, where they are too few for a writer."""
    splits: bool = False
    """Whether it is a pgpool-II, which may send reads to a standby that lags behind."""

    def __str__(self) -> str:
        by = {"direct": "", "pooler": "through a pooler", "proxy": "through a proxy, a tunnel or translated addresses"}
        words = [by[self.kind]] if by[self.kind] else []
        if self.kind == "pooler" and not self.few:
            words = ["through a pooler that shares sessions" if self.shared else "through a pooler that keeps sessions"]
        if self.splits:
            words = ["through pgpool-II"]
        if self.few:
            words.append(f"{self.few} session(s) at once")
        if self.kind == "proxy" and self.shared:
            words.append("one session for all clients")
        if self.standby:
            words.append(f"a standby{f'; its primary is {self.primary}' if self.primary else ''}")
        return ", ".join(words) or "direct"


def find_route(conn: Connection) -> Route:
    """How this session reaches its server; asks more only where something stands between. It is in no transaction."""
    identity, kind = conn.identity(), conn.between()
    if kind != "direct" and _is_pgpool(conn):
        return Route(kind, splits=True)
    shared, few = (False, 0) if kind == "direct" or conn.address.ours else _sessions(conn, kind)
    return Route(
        kind,
        standby=identity.standby,
        primary=_primary(conn) if identity.standby else "",
        shared=shared,
        few=few,
    )


def require(conn: Connection, capability: Capability, what: str) -> None:
    """Refuse to go on without what the first question of a session tells.

    Raises:
        Refused: `capability`; nothing was touched.
    """
    if capability.name in conn.identity().lacks:
        raise capability.refusal(what, f"role {conn.address.user!r} at {conn.address} has not got it")


def require_own(conn: Connection, what: str) -> None:
    """Refuse to go on where other clients get the session too, or where what is read may come from another server.

    `conn` is in no transaction. `what` names who asks.

    Raises:
        Refused: `shared_session`, `pool_size` or `capability`; nothing was touched.
    """
    require(conn, ADVISORY_LOCKS, what)
    route = find_route(conn)
    if route.splits:
        why = "is a pgpool-II, which sends reads to a standby that may lag behind"
    elif route.shared and route.kind == "pooler":
        why = "gives the server's sessions to other clients between two transactions"
    else:
        why = "has one session for all its clients" if route.shared else ""
    if why:
        raise OWN_SESSION.refusal(what, f"{conn.address} {why}")
    if route.few:
        raise ENOUGH_SESSIONS.refusal(what, f"{conn.address} gives us {route.few} of {SESSIONS}")
    if not conn.address.ours:
        _require_transactional_ddl(conn, what)


def require_one_server(conn: Connection) -> None:
    """Refuse to read where an answer may come from a standby that lags behind, however new the next one is.

    `conn` is in no transaction.

    Raises:
        Refused: `shared_session`: a pgpool-II.
    """
    if conn.between() != "direct" and _is_pgpool(conn):
        why = f"{conn.address} is a pgpool-II, which sends reads to a standby that may lag behind"
        raise ONE_SERVER.refusal("this command", why)


def require_primary(conn: Connection, what: str) -> None:
    """Refuse to write where nobody can.

    Raises:
        Refused: `standby`, with the primary's address where this role may know it.
    """
    if not conn.identity().standby:
        return
    primary = _primary(conn)
    raise PRIMARY.refusal(
        what,
        f"{conn.address} is a standby{f', whose primary is {primary}' if primary else ''}",
        hint=f"name the primary{f' ({primary})' if primary else ''} in the target's URL, or choose another --target",
    )


def require_undivided(conn: Connection, what: str) -> None:
    """Refuse to use a session for databases that come and go, where a pooler would stay in them.

    Raises:
        Refused: `shared_session`, `pool_size` or `capability`.
    """
    require(conn, ADVISORY_LOCKS, what)
    if conn.between() == "pooler":
        raise OWN_DATABASES.refusal(what, f"{conn.address} is a pooler, which would keep sessions in them")
    if conn.between() == "proxy":
        require_own(conn, what)


def _require_transactional_ddl(conn: Connection, what: str) -> None:
    try:
        *_, ((undone,),) = conn.results(_UNDONE_DDL)
    except StatementFailed as error:
        conn.execute("ROLLBACK")
        if error.sqlstate == INSUFFICIENT_PRIVILEGE:  # no temporary tables for this role, which says nothing of others
            return
        raise TRANSACTIONAL_DDL.refusal(
            what, f"{conn.address} refuses to make a table in one: {error.message}"
        ) from None
    if not undone:
        raise TRANSACTIONAL_DDL.refusal(what, f"{conn.address} keeps a table whose transaction was rolled back")


def _sessions(conn: Connection, kind: Between) -> tuple[bool, int]:
    """Whether sessions of ours meet in one server process or one moves to another; how many, where they are too few."""
    wanted, application = SESSIONS if kind == "pooler" else 2, "aegisdb: whose session"
    with ExitStack() as stack:
        sessions = [conn]
        while len(sessions) < wanted:
            try:
                sessions.append(stack.enter_context(connect(conn.address, application=application)))
            except (NoAnswer, TooFewSessions):
                return False, len(sessions)
        process_of, session_of = dict[int, int](), dict[int, int]()
        for turn in filter(range(wanted).__contains__, _TURNS):
            try:
                process = sessions[turn].value_within("SELECT pg_backend_pid()", _PATIENCE)
            except TimeoutError:
                return False, turn
            if process_of.setdefault(turn, process) != process or session_of.setdefault(process, turn) != turn:
                return True, 0
    return False, 0


def _is_pgpool(conn: Connection) -> bool:
    try:
        conn.execute("SHOW pool_version")  # pgpool-II answers this itself, libpq finds no row in what it answers
    except AegisError:  # PostgreSQL knows no such parameter
        return False
    return True


def _primary(conn: Connection) -> str:
    """host:port that the standby follows; empty where this role may not know it."""
    may = "pg_has_role(current_user, 'pg_read_all_settings', 'usage')"
    try:
        text = conn.value(f"SELECT CASE WHEN {may} THEN current_setting('primary_conninfo') END") or ""
    except AegisError:
        return ""
    found = {one["name"]: one["value"] for one in _PRIMARY.finditer(text)}
    return f"{found['host']}:{found.get('port', '5432')}" if "host" in found else ""
