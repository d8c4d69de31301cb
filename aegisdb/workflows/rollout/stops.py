"""The wish that a rollout stops: a row in the side schema of each member that may still be begun.

A turn looks for it under the member's writer lock, before it claims the member: so it reaches every coordinator, on
whatever machine. No clock is needed: what a coordinator saw in a member when it looked at all of them is older than its
run, and what comes later is for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.postgres.markers import who
from aegisdb.postgres.side_schema import SETUP_KEY, ensure

if TYPE_CHECKING:
    from collections.abc import Collection

    from aegisdb.postgres.connection import Connection

_TABLE = "aegisdb.rollout_stops"
_SQL = """
CREATE TABLE IF NOT EXISTS aegisdb.rollout_stops (
    id        text NOT NULL,
    wish      text NOT NULL,
    wished_by text NOT NULL,
    wished    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (id, wish)
)
"""
_INSERT = "INSERT INTO aegisdb.rollout_stops (id, wish, wished_by) VALUES (%s, %s, %s)"
_WISHES = "SELECT wish, wished_by FROM aegisdb.rollout_stops WHERE id = %s ORDER BY wished"


class StopWished(Exception):
    """Somebody wants the rollout to stop; the message is who. The member was not begun."""


def wish(conn: Connection, identifier: str, name: str) -> None:
    """Let nobody begin with this member in a run of the rollout that is under way; `name` is of this one wish."""
    ensure(conn)
    with conn.transaction():
        conn.value("SELECT pg_advisory_xact_lock(%s)::text", (SETUP_KEY,))
        conn.execute(_SQL)
        conn.execute(_INSERT, (identifier, name, who()))


def wishes(conn: Connection, identifier: str) -> dict[str, str]:
    """Names of those that wished it, by the name of the wish, the oldest first."""
    if conn.value("SELECT to_regclass(%s)::text", (_TABLE,)) is None:
        return {}
    return dict(conn.rows(_WISHES, (identifier,)))


def require_wanted(conn: Connection, identifier: str, heard: Collection[str]) -> None:
    """Look whether somebody wants it to stop since `heard` were all wishes there.

    Raises:
        StopWished: somebody does.
    """
    for name, by in wishes(conn, identifier).items():
        if name not in heard:
            raise StopWished(by)
