"""Something that the server or another process does while this one does something else."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn, TypeVar

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


def may_fork() -> bool:
    """Whether a fork of this process gains anything and takes no lock of another thread with it."""
    return (os.cpu_count() or 1) > 1 and threading.active_count() == 1 and sys.platform == "linux"


@contextmanager
def in_fork(work: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Do this work in a fork beside the block, which is given a function that waits for the result.

    What the fork does not answer, since it was killed or something was raised there, is done here then, so whatever was
    raised is raised here. The result must be plain data. With the block the fork ends.
    """
    answers, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.close(answers)
        _answer(work, theirs)
    os.close(theirs)
    with os.fdopen(answers, "rb") as file:

        def result() -> T:
            try:
                found: T = pickle.loads(file.read())  # noqa: S301  of our own fork
            except (EOFError, pickle.UnpicklingError):  # it ended before its answer did
                return work()
            return found

        try:
            yield result
        finally:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)


def _answer(work: Callable[[], object], pipe: int) -> NoReturn:
    try:
        with os.fdopen(pipe, "wb") as file:
            pickle.dump(work(), file)
    finally:
        os._exit(0)  # nothing else of this process is the fork's to end
