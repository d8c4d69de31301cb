"""How many sessions a server gets from us at once, whatever the addresses are that lead to it."""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError, NoAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.postgres.connection import Connection
    from aegisdb.workspace import Workspace

Places = tuple[tuple[str, int], ...]


class Room:
    """Lets `per_server` sessions at once onto each server, which is told by its system identifier."""

    def __init__(self, per_server: int) -> None:
        self._lock = threading.Lock()
        self._servers: dict[Places, int] = {}
        """Which server each address was found to lead to."""
        self._silent: dict[Places, AegisError] = {}
        self._first: defaultdict[Places, threading.Lock] = defaultdict(threading.Lock)
        self._room: defaultdict[int, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(per_server))

    @contextmanager
    def session(self, ws: Workspace) -> Iterator[Connection]:
        """A session on the member's database, once there is room on its server.

        Raises:
            what `Workspace.connect` does; an address at which nobody answered is asked once only.
        """
        server = self._server(ws)
        while True:
            with self._lock:
                room = self._room[server]
            with room, ws.connect() as conn:
                found = conn.identity().system_identifier
                if found == server:  # a pooler leads one address to several servers
                    yield conn
                    return
            server = found

    def _server(self, ws: Workspace) -> int:
        places = ws.address().places
        with self._lock:
            first = self._first[places]
        with first:  # one session that nobody has counted yet
            if places in self._silent:
                raise self._silent[places]
            if places not in self._servers:
                try:
                    with ws.connect() as conn:
                        self._servers[places] = conn.identity().system_identifier
                except NoAnswer as error:
                    self._silent[places] = error
                    raise
        return self._servers[places]
