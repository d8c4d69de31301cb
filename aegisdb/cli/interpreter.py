"""What a command changes about the interpreter that runs it, for as long as a task of ours is loaded or runs."""

from __future__ import annotations

import atexit
import gc
import sys
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def byte_code_kept() -> Iterator[None]:
    """Write byte code, which Invoke switches off: every command would compile the whole engine again."""
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = False
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


@cache
def collect_less_garbage() -> None:
    """Look for garbage rarely while a command runs, and not at all when it ends.

    A command makes many objects that stay and little garbage: looking for it each 700 objects costs a tenth of the
    time, and looking once more at the end took 30 to 50 ms, although the kernel frees everything.
    """
    gc.set_threshold(50_000, 20, 20)
    atexit.register(gc.freeze)
