"""Work beside other work: its result afterwards, its error after what is within."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from aegisdb.background import in_fork, meanwhile


def test_it_goes_on_beside_what_is_within() -> None:
    begun, may_end = threading.Event(), threading.Event()

    def work() -> str:
        begun.set()
        assert may_end.wait(60)
        return "done"

    with meanwhile(work) as came:
        assert begun.wait(60)
        assert came == []
        may_end.set()
    assert came == ["done"]


def test_its_error_comes_afterwards_and_never_in_place_of_another() -> None:
    def work() -> str:
        raise LookupError("of the work")

    with pytest.raises(LookupError, match="of the work"), meanwhile(work):
        pass
    with pytest.raises(ValueError, match="within"), meanwhile(work):
        raise ValueError("within")


@pytest.mark.child
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_work_of_a_fork_and_what_it_does_not_answer() -> None:
    here = os.getpid()

    def killed() -> int:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid()

    def wrong() -> int:
        raise LookupError(f"of {'this process' if os.getpid() == here else 'the fork'}")

    with in_fork(os.getpid) as result:
        assert result() != here
    with in_fork(killed) as result:
        assert result() == here
    with pytest.raises(LookupError, match="of this process"), in_fork(wrong) as result:
        result()


@pytest.mark.child
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_fork_ends_with_its_block() -> None:
    with pytest.raises(ValueError, match="within"), in_fork(lambda: time.sleep(600)):
        raise ValueError("within")
