"""What is remembered of an embedded server between commands, and the lock that lets one command at a time change it."""

from __future__ import annotations

import errno
import json
import os
import shlex
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from aegisdb.errors import Busy, Unreachable
from aegisdb.fast_dataclass import dataclass
from aegisdb.file_cache import Kind
from aegisdb.progress import Event
from aegisdb.servers.postmaster import read_pid_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aegisdb.file_cache import KeptFile
    from aegisdb.progress import Listener
    from aegisdb.servers.account import Account

_FILE = Kind("servers/{name}/state.json", outlasts=1)
_POLL = 0.05
_OTHER = "another command starts or stops the server"


@dataclass(frozen=True)
class State:
    """Facts that the last start of the server has found out."""

    port: int = 0
    wished: int = 0
    """The port of services.yaml for which `port` was got."""
    pid: int = 0
    ticks: int = 0
    """When the process `pid` began (postmaster.Process.ticks)."""
    programs: str = ""
    """Binaries.stamp, so that their version need not be asked again."""
    major: int = 0
    uid: int = -1
    """The user whom its Unix socket lets in without a password; -1 for nobody."""


def read_state(home: Path) -> State:
    """Return what is remembered of the server in `home`; where that cannot be read, the port of its pid file."""
    try:
        return State(**_kept(home).read_json())
    except TypeError:
        return State(port=_noted_port(home))


def write_state(home: Path, state: State, owner: Account) -> None:
    """Replace the remembered state in one step."""
    _kept(home).write(json.dumps(asdict(state)).encode(), own=owner.own)


def _kept(home: Path) -> KeptFile:
    return _FILE.file(home.parents[1], home.name)


def _noted_port(home: Path) -> int:
    for file in sorted(home.glob("*/postmaster.pid")):
        with suppress(OSError):
            if noted := read_pid_file(file.parent):
                return noted.port
    return 0


def make_directories(path: Path, below: Path, owner: Account) -> None:
    """Make what is missing of `path` below `below`: private, but as root passable for the server's account."""
    missing = [p for p in (path, *path.parents) if p.is_relative_to(below) and p != below and not p.exists()]
    for directory in reversed(missing):
        directory.mkdir(mode=0o711 if owner.switch else 0o700, exist_ok=True)
        owner.own(directory)


@contextmanager
def exclusive(path: Path, owner: Account, *, wait: float, listen: Listener) -> Iterator[None]:
    """Hold the lock file; the kernel lets go of it when this process dies.

    Raises:
        Busy: somebody else held it for `wait` seconds.
    """
    import fcntl

    # a pipe in its place would hold up an ordinary open for ever
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o600), "rb") as lock:
        owner.own(path)
        deadline = time.monotonic() + wait
        told = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Busy(
                        f"another command has been starting or stopping this server for more than {wait:.0f} s",
                        hint="run it again when the other one has ended",
                        where=str(path),
                        code="server_lock",
                    ) from None
            if not told:
                listen(Event(step="wait", subject=_OTHER))
                told = True
            time.sleep(_POLL)
        if told:
            listen(Event(step="wait", subject=_OTHER, over=True))
        yield


def tail(log: Path, *, since: int = 0, lines: int = 8) -> str:
    """The last lines of a log, from byte `since` on."""
    try:
        with log.open("rb") as file:
            file.seek(max(since, os.fstat(file.fileno()).st_size - 8192))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.strip().splitlines()[-lines:])


@contextmanager
def permission_named(home: Path, state: Path) -> Iterator[None]:
    """Tell of a permission that lacks, and what helps.

    Raises:
        Unreachable: it lacks.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise
        raise Unreachable(
            f"no permission for {error.filename}: {error.strerror}",
            hint=f"if another user made it, stop it as that user, then: sudo chown -R $USER {shlex.quote(str(state))}",
            where=str(home),
            code="permission",
        ) from error
