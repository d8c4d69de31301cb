"""Run `invoke WORDS` in forks of one process that has imported the engine, which is most of what a command costs.

`python -m tests.warm FD` is that process, one for each process of pytest. A fork is a command like any other: it has
the environment, directory and streams that were asked for, loads tasks.py itself, and ends as Python ends. Two things
are shared: what was imported, nothing of it called, and the process with Alembic loaded, which forks the workers.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import random
import runpy
import select
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, NamedTuple

_HOME = Path(__file__).parents[1]
_MOST = 1 << 20  # bytes of an order
_NUMBER = struct.Struct("i")
_LIBRARIES = ("invoke.main", "psycopg", "pydantic", "ruamel.yaml")
_LEFT = ("aegisdb.runtime.worker", "aegisdb.backfills", "aegisdb.testing")
"""Packages of the other side, which import Alembic or pytest."""
_pidfd_open: Any = getattr(os, "pidfd_open", None)
POSSIBLE = _pidfd_open is not None
"""Whether this system, Linux, has what it takes."""
_HARMLESS = ("AEGIS_", "DATABASE_URL", "THE_URL", "TARGET_URL")
"""Variables that no env.py of the tests reads: workers of commands that differ in nothing else may be forked from one
process."""


class Done(NamedTuple):
    """A command that has ended; a negative code is the signal that killed it."""

    code: int
    out: bytes
    err: bytes


class WarmCommands:
    """The process, seen from the tests; it is started with the first command."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._starting = threading.Lock()

    def run(self, argv: list[str], cwd: Path, env: Mapping[str, str], timeout: float) -> Done:
        """Run `python -m invoke ARGV` in a fork, without input."""
        with self._starting:
            control = self._control or self._start(env)
        order = json.dumps({"argv": argv, "cwd": str(cwd), "env": dict(env)}).encode()
        said, tell = os.pipe()
        with (
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
            os.fdopen(said, "rb", buffering=0) as told,
        ):
            try:
                socket.send_fds(control, [order], [out.fileno(), err.fileno(), tell])
            finally:
                os.close(tell)
            (pid,) = _NUMBER.unpack(told.read(_NUMBER.size))
            try:
                ended = select.select([told], [], [], timeout)[0]
            except BaseException:  # such as pytest's own timeout
                os.kill(pid, signal.SIGKILL)
                raise
            if not ended:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(argv, timeout)
            (code,) = _NUMBER.unpack(told.read(_NUMBER.size))
            for file in (out, err):
                file.seek(0)
            return Done(code, out.read(), err.read())

    def _start(self, env: Mapping[str, str]) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            argv = [sys.executable, "-m", "tests.warm", str(theirs.fileno())]
            process = subprocess.Popen(
                argv,
                cwd=_HOME,
                env=dict(env),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        atexit.register(process.wait)
        atexit.register(ours.close)
        self._control = ours
        return ours


class _Order(NamedTuple):
    argv: list[str]
    cwd: str
    env: dict[str, str]
    files: tuple[int, int]
    """Where stdout and stderr go."""


def _serve(control: socket.socket) -> _Order | None:
    """Fork a command for each order; returns its order in the fork, and None when the tests have ended."""
    ends = selectors.DefaultSelector()
    ends.register(control, selectors.EVENT_READ)
    while True:
        for key, _ in ends.select():
            if key.fileobj is not control:
                ends.unregister(key.fd)
                os.close(key.fd)
                _tell_end(*key.data)
                continue
            content, files, _, _ = socket.recv_fds(control, _MOST, 3)
            if not content:
                return None
            out, err, tell = files
            pid = os.fork()
            if not pid:
                ends.close()
                control.close()
                return _Order(**json.loads(content), files=(out, err))
            os.write(tell, _NUMBER.pack(pid))
            ends.register(_pidfd_open(pid), selectors.EVENT_READ, (pid, tell))
            os.close(out)
            os.close(err)


def _tell_end(pid: int, tell: int) -> None:
    _, status = os.waitpid(pid, 0)
    try:
        os.write(tell, _NUMBER.pack(os.waitstatus_to_exitcode(status)))
    except BrokenPipeError:  # nobody waits any more
        return
    finally:
        os.close(tell)


def _become(order: _Order, started_with: Mapping[str, str], warm: Any) -> None:
    """Be `python -m invoke`, from here to the end of this process."""
    for number, file in enumerate(order.files, start=1):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(order.env)
    time.tzset()
    os.chdir(order.cwd)
    random.seed()
    if _of_env_py(order.env) == _of_env_py(started_with):
        import_module("aegisdb.runtime.forkserver").__dict__["_started"].append(warm)
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    sys.path[0] = order.cwd
    sys.argv = ["invoke", *order.argv]
    runpy.run_module("invoke", run_name="__main__", alter_sys=True)


def _of_env_py(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if not name.startswith(_HARMLESS)}


def _import_engine() -> None:
    for name in _LIBRARIES:
        import_module(name)
    import aegisdb

    for module in walk_packages(aegisdb.__path__, "aegisdb."):
        if not module.name.startswith(_LEFT) and not module.name.endswith("__main__"):
            import_module(module.name)


def _main() -> None:
    from aegisdb.runtime.forkserver import WarmProcess

    started_with = dict(os.environ)
    control = socket.socket(fileno=int(sys.argv[1]))
    warm = WarmProcess(("psycopg", "asyncpg"))
    _import_engine()
    gc.collect()
    gc.freeze()
    if (order := _serve(control)) is not None:
        _become(order, started_with, warm)
    else:
        warm.close()


if __name__ == "__main__":
    _main()
