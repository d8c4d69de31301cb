"""A row in the journal for each run that writes, so that the next one knows when this one died."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.postgres.connection import Connection

_BEGIN = """
INSERT INTO aegisdb.journal (action, outcome, command, os_user, host) VALUES ('run', 'started', %s, %s, %s) RETURNING id
"""
_END = "UPDATE aegisdb.journal SET outcome = %s, seconds = %s WHERE id = %s"
_DIED = """
UPDATE aegisdb.journal SET outcome = 'died' WHERE action = 'run' AND outcome = 'started'
RETURNING command, os_user, host, to_char(started, 'YYYY-MM-DD HH24:MI:SS')
"""


@contextmanager
def run_recorded(conn: Connection, command: str) -> Iterator[tuple[str, ...]]:
    """Journal the run around the body; yields notes about earlier runs that died. The caller holds the writer lock."""
    from aegisdb.postgres.markers import who

    notes = tuple(
        f"the previous {died} by {user} on {host} ({began}) died; nothing of it is half-applied"
        for died, user, host, began in conn.rows(_DIED)
    )
    user, _, host = who().partition("@")
    run = conn.value(_BEGIN, (command, user, host))
    start = time.monotonic()
    outcome = "failed"
    try:
        yield notes
        outcome = "done"
    finally:
        _end(conn, run, outcome, time.monotonic() - start)


def _end(conn: Connection, run: int, outcome: str, seconds: float) -> None:
    try:
        conn.execute(_END, (outcome, seconds, run))
    except AegisError:
        if outcome == "done":
            raise
        # the server is gone: the error that brought us here says so, and the next run finds the row
