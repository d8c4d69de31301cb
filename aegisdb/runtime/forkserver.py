"""One process with Alembic loaded, from which workers and programs of seeds of services without a runner are forked.

Importing Alembic costs half a second; a fork costs milliseconds. The process is started once, ends with its engine,
and never runs anything of a service itself.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from aegisdb.errors import Failed
from aegisdb.processes import start, stop
from aegisdb.runtime.worker import HOME

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from aegisdb.registry.types import Registry

_ALWAYS = ("sqlalchemy.dialects.postgresql", "sqlalchemy.orm")
_OF_DRIVERS = {"psycopg": ("psycopg",), "asyncpg": ("asyncpg", "sqlalchemy.ext.asyncio")}


@dataclass(frozen=True)
class Program:
    """What `python -m MODULE`, or a script of this environment, runs."""

    module: str = ""
    script: str = ""
    """Its file, in place of a module."""
    arguments: tuple[str, ...] = ()
    stdin: str = ""
    mark: str = ""
    """A name among its open files, by which others know what it is (Linux)."""


class WarmProcess:
    """The process; starting it does not wait for its imports."""

    def __init__(self, drivers: Collection[str]) -> None:
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        wanted = (*_ALWAYS, *(name for driver in drivers for name in _OF_DRIVERS.get(driver, ())))
        modules = [name for name in wanted if find_spec(name.partition(".")[0])]
        with theirs:
            argv = [sys.executable, str(HOME), "--fork", str(theirs.fileno()), *modules]
            self._process = start(argv, pass_fds=(theirs.fileno(),), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def fork(self, requests: int, answers: int, output: int) -> None:
        """Fork a worker that serves these descriptors.

        Raises:
            Failed: the process is gone, with what it said.
        """
        self._send(b"f", requests, answers, output)

    def run(self, program: Program, cwd: Path, env: Mapping[str, str], output: int) -> ForkedProgram:
        """Run a program in a fork; raises as `fork`."""
        order = json.dumps({**asdict(program), "cwd": str(cwd), "env": dict(env)}).encode() + b"\n"
        requests, ours = os.pipe()
        answers, theirs = os.pipe()
        with os.fdopen(requests, "rb") as read, os.fdopen(ours, "wb") as write, os.fdopen(theirs, "wb") as told:
            told_to = ForkedProgram(program.script or program.module, answers)
            try:
                self._send(b"p", read.fileno(), told.fileno(), output)
            except BaseException:
                told_to.close()
                raise
            write.write(order)
        told_to.begin()
        return told_to

    def _send(self, what: bytes, *descriptors: int) -> None:
        try:
            with self._lock:
                socket.send_fds(self._control, [what], descriptors)
        except OSError:
            said = self._process.stderr.read().decode(errors="replace") if self._process.stderr else ""
            raise Failed(f"Alembic does not load: {said.strip()[-300:]}", code="environment") from None

    def close(self) -> None:
        """End it; workers that were forked from it have ended with their sessions."""
        self._control.close()
        stop(self._process)


class ForkedProgram:
    """A program that runs in a fork; the same interface as a Popen, as far as seeds need it."""

    def __init__(self, name: str, answers: int) -> None:
        self._name = name
        self._answers = os.fdopen(answers, "rb")
        self._buffer = b""
        self._code: int | None = None
        self.pid = 0
        """Its process group; 0 where it could not be started."""

    def begin(self) -> None:
        """Wait until it is there."""
        self.pid = int(self._message(None).get("pid", 0))

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end: the exit code, or the signal that killed it, negative.

        Raises:
            TimeoutExpired: it still runs after `timeout` seconds.
        """
        if self._code is None:
            self._code = int(self._message(timeout).get("code", -signal.SIGKILL))
            self.close()
        return self._code

    def poll(self) -> int | None:
        """The exit code, as of `wait`; None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        """Listen no more."""
        self._answers.close()

    def stop(self, *, grace: float = 5.0) -> None:
        """SIGTERM to its group, SIGKILL after `grace` seconds."""
        if self._code is None:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.wait(grace)
        self._signal(signal.SIGKILL)

    def _message(self, timeout: float | None) -> dict[str, int]:
        deadline = None if timeout is None else time.monotonic() + timeout
        while b"\n" not in self._buffer:
            left = None if deadline is None else max(deadline - time.monotonic(), 0)
            if not select.select([self._answers], [], [], left)[0]:
                raise subprocess.TimeoutExpired(self._name, timeout or 0)
            chunk = os.read(self._answers.fileno(), 4096)
            if not chunk:
                return {}  # killed together with whoever would have told
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, int] = json.loads(line)
        return message

    def _signal(self, number: int) -> None:
        if self.pid:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)


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


def warm_process_if_started() -> WarmProcess | None:
    """The process where there is one: a single task does not wait for its imports."""
    return _started[0] if _started else None


def _drivers(registry: Registry) -> set[str]:
    return {s.alembic.driver for s in registry.services.values() if s.alembic is not None and s.runner is None}
