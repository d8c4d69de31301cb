"""How a long operation tells what it is doing, without knowing who listens.

Events go to stderr by `aegisdb.output`; tests collect them in a list.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from aegisdb.fast_dataclass import dataclass

T = TypeVar("T")

_OF_REVISIONS = frozenset({"upgrade", "downgrade"})
OFTEN = 10.0
"""Seconds between two lines of something that takes long."""


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
    """Whether it has ended without a line of its own: what was shown while it ran goes."""


Listener = Callable[[Event], None]


@contextmanager
def under_way(listen: Listener, step: str, subject: str = "", note: str = "") -> Iterator[None]:
    """A step that is shown while the block runs, and leaves no line."""
    listen(Event(step=step, subject=subject, note=note))
    try:
        yield
    finally:
        listen(Event(step=step, subject=subject, over=True))


def counted(listen: Listener, step: str, results: Iterable[T], total: int, of: str = "services") -> Iterator[T]:
    """The results of so many services (or of what `of` says) as they come; every ten seconds a line counts them."""
    began = told = time.monotonic()
    for done, result in enumerate(results, start=1):
        yield result
        now = time.monotonic()
        if now - told >= OFTEN and done < total:
            told = now
            listen(Event(step=step, subject=f"{done} of {total} {of}", seconds=now - began))


def on_a_copy(listen: Listener) -> Listener:
    """Say of each revision that runs that it runs on a copy, for a command that is about the live database."""

    def told(event: Event) -> None:
        copied = event.step in _OF_REVISIONS
        listen(replace(event, step=f"on a copy: {event.step}") if copied else event)

    return told


def silent(event: Event) -> None:
    """Listen to nothing."""
    del event
