"""One command at a time adds or re-points revisions of a service: which head a new one revises is read under this lock.

The kernel keeps it for the service's own directory, so it leaves no file behind, ends with its holder, and two
worktrees do not wait for each other.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aegisdb.errors import Busy
from aegisdb.progress import Event

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aegisdb.progress import Listener

_POLL = 0.1


@contextmanager
def folder_lock(home: Path, service: str, *, wait: float, listen: Listener) -> Iterator[None]:
    """Hold the lock of the service whose directory is `home`.

    Raises:
        Busy: somebody else has held it for `wait` seconds; nothing was written.
    """
    folder = os.open(home, os.O_RDONLY)
    try:
        deadline, told = time.monotonic() + wait, False
        while not _taken(folder):
            if time.monotonic() > deadline:
                raise Busy(
                    f"another command has been writing revisions of {service} for {wait:.0f} s; nothing was written",
                    hint="run it again when the other one has ended",
                    where=str(home),
                )
            if not told:
                listen(Event(step="wait", subject=service, note="for another command that writes its revisions"))
                told = True
            time.sleep(_POLL)
        if told:
            listen(Event(step="wait", subject=service, over=True))
        yield
    finally:
        os.close(folder)


def _taken(folder: int) -> bool:
    import fcntl

    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system that knows no locks
        return True
    return True
