"""Signals become exceptions of the main thread, so that every `finally` runs and children are ended by their owners."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class Termination(KeyboardInterrupt):
    """SIGTERM or SIGHUP.

    Not one of our errors on purpose: `except AegisError` that goes on with the next service must not swallow it.
    """


class Signalled:
    """The exit code of the last signal that came, 0 without any."""

    exit_code = 0


@contextmanager
def as_exceptions() -> Iterator[Signalled]:
    """Raise KeyboardInterrupt for SIGINT and `Termination` for SIGTERM and SIGHUP, and say which one came.

    A signal that is ignored (nohup) stays ignored. The handlers of before come back at the end.
    """
    signalled = Signalled()

    def interrupt(number: int, frame: FrameType | None) -> None:
        del frame
        signalled.exit_code = 130 if number == signal.SIGINT else 143
        raise KeyboardInterrupt if number == signal.SIGINT else Termination

    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before = {number: signal.getsignal(number) for number in numbers if signal.getsignal(number) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, interrupt)
    try:
        yield signalled
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
