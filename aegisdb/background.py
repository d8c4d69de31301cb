"""Something that the server does while this process has other questions for it."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")
_TURN = 0.0002  # seconds


@contextmanager
def meanwhile(work: Callable[[], T]) -> Iterator[list[T]]:
    """Do this work in a thread beside the block; afterwards the list holds its result.

    Raises:
        What the work raises, once the block has ended well.
    """
    came: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            came.append(work())
        except BaseException as error:  # noqa: BLE001  it is raised again by the thread that waits
            failed.append(error)

    thread = threading.Thread(target=run, name="meanwhile", daemon=True)
    # whoever has got his answer would wait for 5 ms until the other one lets go of the interpreter
    turn = sys.getswitchinterval()
    sys.setswitchinterval(_TURN)
    thread.start()
    try:
        yield came
    finally:
        thread.join()
        sys.setswitchinterval(turn)
    if failed:
        raise failed[0]
