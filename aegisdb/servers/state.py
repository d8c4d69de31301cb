"""What is remembered of an embedded server between commands, and the lock that lets one command at a time change it."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from aegisdb.errors import Busy
from aegisdb.fast_dataclass import dataclass
from aegisdb.progress import Event

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aegisdb.progress import Listener
    from aegisdb.servers.account import Account

_POLL = 0.05
_OTHER = "another command starts or stops the server"


@dataclass(frozen=True)
class State:
    """What the last start of the server has found out."""

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


def read_state(path: Path) -> State:
    """The remembered state; an empty one when there is none or it cannot be read."""
    try:
        return State(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return State()


def write_state(path: Path, state: State, owner: Account) -> None:
    """Replace the remembered state in one step."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(asdict(state)))
    owner.own(new)
    new.replace(path)


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

    with path.open("a") as lock:
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
