"""How a long operation tells what it is doing, without knowing who listens.

Events go to stderr by `aegisdb.output`; tests collect them in a list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aegisdb.fast_dataclass import dataclass


@dataclass(frozen=True, kw_only=True)
class Event:
    """One line of progress: a step that starts or has ended (`seconds` is set)."""

    step: str
    """What is done, in a few words: "base schema", "upgrade", "seed", "clone"."""
    subject: str = ""
    """What it is done to: a file, a service, a revision."""
    seconds: float | None = None
    """Duration when the step has ended, None when it starts."""
    note: str = ""
    over: bool = False
    """It has ended without a line of its own: what was shown while it ran goes."""


Listener = Callable[[Event], None]


@contextmanager
def under_way(listen: Listener, step: str, subject: str = "", note: str = "") -> Iterator[None]:
    """A step that is shown while the block runs, and leaves no line."""
    listen(Event(step=step, subject=subject, note=note))
    try:
        yield
    finally:
        listen(Event(step=step, subject=subject, over=True))


def silent(event: Event) -> None:
    """Listen to nothing."""
    del event
