"""One process with Alembic loaded, from which the workers of services without a runner are forked.

Importing Alembic costs half a second; a fork costs milliseconds. The process is started once, ends with its engine,
and never runs anything of a service itself.
"""

from __future__ import annotations

import atexit
import socket
import subprocess
import sys
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING

from aegisdb.errors import Failed
from aegisdb.histories.process import WORKER
from aegisdb.processes import start, stop

if TYPE_CHECKING:
    from collections.abc import Collection

    from aegisdb.registry.types import Registry

_EVERYBODY_S = ("sqlalchemy.dialects.postgresql", "sqlalchemy.orm")
_OF_DRIVERS = {"psycopg": ("psycopg",), "asyncpg": ("asyncpg", "sqlalchemy.ext.asyncio")}


class WarmProcess:
    """The process; starting it does not wait for its imports."""

    def __init__(self, drivers: Collection[str]) -> None:
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        wanted = (*_EVERYBODY_S, *(name for driver in drivers for name in _OF_DRIVERS.get(driver, ())))
        modules = [name for name in wanted if find_spec(name.partition(".")[0])]
        with theirs:
            argv = [sys.executable, str(WORKER), "--fork", str(theirs.fileno()), *modules]
            self._process = start(argv, pass_fds=(theirs.fileno(),), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def fork(self, requests: int, answers: int, output: int) -> None:
        """Fork a worker that serves these descriptors.

        Raises:
            Failed: the process is gone, with what it said.
        """
        try:
            with self._lock:
                socket.send_fds(self._control, [b"f"], [requests, answers, output])
        except OSError:
            said = self._process.stderr.read().decode(errors="replace") if self._process.stderr else ""
            raise Failed(f"Alembic does not load: {said.strip()[-300:]}", code="environment") from None

    def close(self) -> None:
        """End it; workers that were forked from it have ended with their sessions."""
        self._control.close()
        stop(self._process)


_started: list[WarmProcess] = []


def warm_process(registry: Registry | None = None) -> WarmProcess:
    """The process of this engine, started on first use: call it early, from the main thread, to hide the imports.

    `registry` tells which drivers its services need; without it, the process loads every one that is installed.
    """
    if not _started:
        process = WarmProcess(_OF_DRIVERS if registry is None else _drivers(registry))
        atexit.register(process.close)
        _started.append(process)
    return _started[0]


def _drivers(registry: Registry) -> set[str]:
    return {s.alembic.driver for s in registry.services.values() if s.alembic is not None and s.runner is None}
