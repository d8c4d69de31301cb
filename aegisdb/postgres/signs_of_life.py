"""Signs of life of who holds the writer lock on a server of others.

Between him and the server may be a pooler, a proxy or a network that goes on holding his session after he has died. So
he says something there every few seconds, and where his session has been silent for long, nobody living is behind it.
On the suite's own servers there is nothing between: the kernel ends the session of a process that dies.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.postgres.connection import Connection

EVERY = 3.0
"""Seconds between two signs."""
SILENCE = 20
"""Seconds after which who says nothing counts as dead or hanging: a busy machine may be late with some."""
_GOODBYE = 1.0  # seconds
SILENT = "CASE WHEN a.state <> 'active' THEN extract(epoch FROM clock_timestamp() - a.state_change)::int END"
"""SQL for how many seconds a session `a` has been silent; NULL while it does something, or for who may not know."""


@contextmanager
def giving_signs(conn: Connection) -> Iterator[None]:
    """Give them through this session within the block; that it fails is for who uses the session to find out."""
    if conn.address.ours:
        yield
        return
    over = threading.Event()

    def go_on() -> None:
        with suppress(AegisError):
            while not over.wait(EVERY):
                conn.execute("SELECT 1")

    thread = threading.Thread(target=go_on, name="aegisdb: signs of life", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_GOODBYE)
