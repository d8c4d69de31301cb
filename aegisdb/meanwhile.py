"""Something that the server does while this process has other questions for it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")


@contextmanager
def meanwhile(work: Callable[[], T]) -> Iterator[list[T]]:
    """Do this in a thread beside what is within; the list holds what came of it, afterwards.

    Raises:
        What the work raises, once what is within has ended well.
    """
    came: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            came.append(work())
        except BaseException as error:  # noqa: BLE001  it is raised again by the thread that waits
            failed.append(error)

    thread = threading.Thread(target=run, name="meanwhile", daemon=True)
    thread.start()
    try:
        yield came
    finally:
        thread.join()
    if failed:
        raise failed[0]
