"""Something that the server or another process does while this one does something else."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn, TypeVar

from aegisdb.processes import die_with_parent
from aegisdb.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from aegisdb.progress import Event, Listener

T = TypeVar("T")
_TURN = 0.0002  # seconds
_SWITCH = "AEGIS_ONE_PROCESS"


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
    """Whether a fork of this process gains anything and takes no lock of another thread with it.

    With AEGIS_ONE_PROCESS=1 there is none.
    """
    if os.environ.get(_SWITCH) == "1":
        return False
    return (os.cpu_count() or 1) > 1 and threading.active_count() == 1 and sys.platform == "linux"


@contextmanager
def in_fork(work: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Do this work in a fork beside the block, which is given a function that waits for the result.

    What the fork does not answer, since it was killed or something was raised there, is done here then, so whatever was
    raised is raised here. The result must be plain data. With the block the fork ends.
    """
    with in_telling_fork(lambda _: work()) as result:
        yield lambda: result(silent)


@contextmanager
def in_telling_fork(work: Callable[[Listener], T]) -> Iterator[Callable[[Listener], T]]:
    """As `in_fork`, for work that tells how it goes on: whoever waits for the result is told all of it, in its order.

    A signal that ends the block ends the work as it would have here: every `finally` runs, and the block waits for it.
    """
    answers, theirs = os.pipe()
    dies_with_parent = die_with_parent(signal.SIGKILL)
    child = os.fork()
    if not child:
        os.close(answers)
        if dies_with_parent:
            dies_with_parent()
        _answer(work, theirs)
    os.close(theirs)
    answered = False
    with os.fdopen(answers, "rb") as file:

        def result(listen: Listener) -> T:
            nonlocal answered
            try:
                while not answered:
                    answered, said = pickle.load(file)  # noqa: S301  of our own fork
                    if not answered:
                        listen(said)
            except (EOFError, pickle.UnpicklingError):  # it ended before its answer did
                return work(listen)
            found: T = said
            return found

        try:
            yield result
        finally:
            if not answered:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)


def _answer(work: Callable[[Listener], object], pipe: int) -> NoReturn:
    """Do the work and leave, whatever comes: nothing else of this process is the fork's to end."""
    stopped = _stopped_once()
    try:
        try:
            with os.fdopen(pipe, "wb") as file:

                def tell(event: Event) -> None:
                    pickle.dump((False, event), file)
                    file.flush()

                pickle.dump((True, work(tell)), file)
        finally:
            stopped.set()
            for thread in threading.enumerate():
                if thread is not threading.current_thread() and not thread.daemon:
                    thread.join()
    except BaseException:  # noqa: BLE001, S110  whoever waits has no answer, does it himself, and meets it there
        pass
    os._exit(0)


def _stopped_once() -> threading.Event:
    """Raise KeyboardInterrupt for the first signal alone, since its sender and a terminal both send one."""
    stopped = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        if not stopped.is_set():
            stopped.set()
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupt)
    return stopped
