"""What stands between us and the server, told by the first answer of a session.

libpq is given a key of its session when it connects. A pooler makes up keys of its own, so where the key is not the
number of the server process, somebody stands between. Where it is, but the ports that the server sees are not those of
our socket, there is a proxy, a tunnel or a translation of addresses, which may lead one session to several servers.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError, NoAnswer, Refused
from aegisdb.fast_dataclass import dataclass
from aegisdb.postgres.connection import Between, connect
from aegisdb.postgres.server_errors import DIRECT

if TYPE_CHECKING:
    from aegisdb.postgres.connection import Connection

_SESSIONS = 4  # at once: of the lock, of our own statements, of env.py and of who watches it
_TURNS = (0, 1, 2, 3, 1, 1, 0, 2, 0, 3, 3, 0)  # which session asks: no regular order, which a pooler could follow
_PATIENCE = 10.0  # seconds
_PRIMARY = re.compile(r"(?P<name>host|port)\s*=\s*'?(?P<value>[^\s']+)")


@dataclass(frozen=True)
class Route:
    """How a session reaches its server."""

    kind: Between
    standby: bool = False
    primary: str = ""
    """host:port of the standby's primary, where this role may know it."""
    shared: bool = False
    """The pooler gives the server's sessions to others as well, between two transactions or statements."""
    splits: bool = False
    """Whether it is a pgpool-II, which may send reads to a standby that lags behind."""

    def __str__(self) -> str:
        by = {"direct": "", "pooler": "through a pooler", "proxy": "through a proxy, a tunnel or translated addresses"}
        words = [by[self.kind]] if by[self.kind] else []
        if self.kind == "pooler":
            words = ["through a pooler that shares sessions" if self.shared else "through a pooler that keeps sessions"]
        if self.splits:
            words = ["through pgpool-II"]
        if self.standby:
            words.append(f"a standby{f'; its primary is {self.primary}' if self.primary else ''}")
        return ", ".join(words) or "direct"


def find_route(conn: Connection) -> Route:
    """How this session reaches its server; asks more only where something stands between. It is in no transaction."""
    identity, kind = conn.identity(), conn.between()
    if kind != "direct" and _is_pgpool(conn):
        return Route(kind, splits=True)
    return Route(
        kind,
        standby=identity.standby,
        primary=_primary(conn) if identity.standby else "",
        shared=kind == "pooler" and _is_shared(conn),
    )


def require_own(conn: Connection, what: str) -> None:
    """Refuse to go on where other clients get the session too, or where what is read may come from another server.

    `conn` is in no transaction. `what` names who asks.

    Raises:
        Refused: `shared_session`; nothing was touched.
    """
    route = find_route(conn)
    if route.shared or route.splits:
        why = (
            "gives the server's sessions to other clients between two transactions"
            if route.shared
            else "is a pgpool-II, which sends reads to a standby that may lag behind"
        )
        raise Refused(
            f"{what} needs a session of its own, and {conn.address} {why}; nothing was touched",
            hint=DIRECT,
            code="shared_session",
        )


def require_one_server(conn: Connection) -> None:
    """Refuse to read where an answer may come from a standby that lags behind, however new the next one is.

    `conn` is in no transaction.

    Raises:
        Refused: `shared_session`: a pgpool-II.
    """
    if conn.between() != "direct" and _is_pgpool(conn):
        raise Refused(
            f"{conn.address} is a pgpool-II, which sends reads to a standby that may lag behind; nothing was touched",
            hint=DIRECT,
            code="shared_session",
        )


def require_primary(conn: Connection, what: str) -> None:
    """Refuse to write where nobody can.

    Raises:
        Refused: `standby`, with the primary's address where this role may know it.
    """
    if not conn.identity().standby:
        return
    primary = _primary(conn)
    raise Refused(
        f"{what} writes, and {conn.address} is a standby{f'; its primary is {primary}' if primary else ''}",
        hint=f"name the primary{f' ({primary})' if primary else ''} in the target's URL, or choose another --target",
        code="standby",
    )


def require_undivided(conn: Connection, what: str) -> None:
    """Refuse to use a session for databases that come and go, where a pooler would stay in them.

    Raises:
        Refused: `shared_session`.
    """
    conn.identity()
    if conn.between() == "pooler":
        raise Refused(
            f"{what} needs databases of its own, and {conn.address} is a pooler, which would keep sessions in them;"
            " nothing was touched",
            hint=DIRECT,
            code="shared_session",
        )


def _is_shared(conn: Connection) -> bool:
    """Whether several sessions of ours meet in one server process, or one moves to another."""
    with ExitStack() as stack:
        application = "aegisdb: whose session"
        sessions = [conn]
        for given in range(1, _SESSIONS):
            try:
                sessions.append(stack.enter_context(connect(conn.address, application=application)))
            except NoAnswer:
                raise _too_few(conn, given) from None
        process_of, session_of = dict[int, int](), dict[int, int]()
        for turn in _TURNS:
            try:
                process = sessions[turn].value_within("SELECT pg_backend_pid()", _PATIENCE)
            except TimeoutError:
                raise _too_few(conn, turn) from None
            if process_of.setdefault(turn, process) != process or session_of.setdefault(process, turn) != turn:
                return True
    return False


def _too_few(conn: Connection, given: int) -> Refused:
    return Refused(
        f"the pooler at {conn.address} gives us {given} session(s), and {_SESSIONS} are needed at once",
        hint=f"raise its pool size, or {DIRECT}",
        code="pool_size",
    )


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
