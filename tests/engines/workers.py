"""The processes of Dask's workers, for tests that kill them."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from tests.running import children


def workers(pid: int) -> set[int]:
    """Those that `pid` has started."""
    return {child for child in children(pid) if b"spawn_main" in _command_line(child)}


def kill_workers(pid: int) -> tuple[set[int], set[int]]:
    """Kill them all at once; they, and the processes below them."""
    found = workers(pid)
    below = {child for worker in found for child in children(worker)}
    for worker in found:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    return found, below


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended meanwhile
        return b""
