"""Calls that may be made twice, made by an engine until each has its answer.

What an engine says about a call that it lost (its worker died, it was cancelled, the scheduler is gone) is not
believed: whether the call was made, once, twice or not at all, is unknown. So this is for calls that change nothing
which lasts.
"""

from __future__ import annotations

import traceback
from concurrent.futures import CancelledError, Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from aegisdb.errors import AegisError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aegisdb.engines.engine import Engine

O = TypeVar("O")  # noqa: E741  an order
T = TypeVar("T")

TRIES = 2
"""How often an engine is given a call that it loses."""
_LOOK = 2.0  # seconds between two looks at an engine of which nothing is heard


class BugElsewhere(Exception):
    """Something that is not in the tree of errors was raised in another process; the message is its traceback."""


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What a call returned or raised; an exception of the future itself is then the engine's own."""

    value: T | None = None
    error: AegisError | None = None
    bug: str = ""

    def get(self) -> T:
        """Return the value.

        Raises:
            AegisError: the call did; BugElsewhere: it raised anything else.
        """
        if self.error is not None:
            raise self.error
        if self.bug:
            raise BugElsewhere(self.bug)
        return cast("T", self.value)  # None where the call returns None


def answered(call: Callable[[O], T], order: O) -> Answer[T]:
    """Make the call, there, and answer whatever it does."""
    try:
        return Answer(call(order))
    except AegisError as error:
        return Answer(error=error)
    except Exception:  # noqa: BLE001  it may be of a kind that the other side cannot read; its words are enough
        return Answer(bug=traceback.format_exc())


def repeated(
    engine: Engine,
    call: Callable[[O], T],
    orders: Sequence[O],
    came: Callable[[O, T], None],
    lost: Callable[[O, str], None],
) -> dict[int, T]:
    """The values by the place of their order; those that are missing were lost by the engine each time.

    `came` hears of every value, `lost` of every call that was lost, with the engine's words.

    Raises:
        what a call raises, once: the others are cancelled.
    """
    found: dict[int, T] = {}
    waiting = {_submitted(engine, call, order): (at, 1) for at, order in enumerate(orders)}
    try:
        while waiting:
            ended, _ = wait(waiting, timeout=_LOOK, return_when="FIRST_COMPLETED")
            nobody = not ended and not engine.alive()
            for future in waiting.copy() if nobody else ended:
                at, tries = waiting.pop(future)
                why = "none of its workers is left" if nobody else _lost(future)
                if not why:
                    found[at] = future.result().get()
                    came(orders[at], found[at])
                    continue
                lost(orders[at], why)
                if tries < TRIES and not nobody:
                    waiting[_submitted(engine, call, orders[at])] = at, tries + 1
    finally:
        for future in waiting:
            future.cancel()
    return found


def _submitted(engine: Engine, call: Callable[[O], T], order: O) -> Future[Answer[T]]:
    try:
        return engine.executor.submit(answered, call, order)
    except Exception as error:  # noqa: BLE001  the engine's own, of whatever kind: told like one that comes later
        failed: Future[Answer[T]] = Future()
        failed.set_exception(error)
        return failed


def _lost(future: Future[Answer[T]]) -> str:
    """Why there is no answer, in the engine's words; empty where there is one."""
    try:
        error = future.exception()
    except CancelledError as cancelled:
        error = cancelled
    return " ".join(filter(None, [type(error).__name__, str(error)])) if error is not None else ""
