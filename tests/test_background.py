"""Work beside other work: its result afterwards, its error after what is within."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from aegisdb.background import in_fork, in_telling_fork, meanwhile
from aegisdb.progress import Event, Listener
from tests.running import eventually


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


@pytest.mark.child
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_what_a_fork_tells_comes_in_its_order_to_whoever_waits() -> None:
    steps = [str(number) for number in range(5)]

    def work(listen: Listener) -> int:
        for step in steps:
            listen(Event(step=step))
        return os.getpid()

    heard: list[Event] = []
    with in_telling_fork(work) as result:
        assert result(heard.append) != os.getpid()
    assert [event.step for event in heard] == steps


@pytest.mark.child
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_fork_cleans_up_before_its_block_ends_however_often_it_is_told_to_end(tmp_path: Path) -> None:
    told, cleaned = tmp_path / "told", tmp_path / "cleaned"

    def work(listen: Listener) -> None:
        del listen
        try:
            told.write_text(str(os.getpid()))
            time.sleep(600)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)  # as a terminal's Ctrl-C and the command's own signal come both
            cleaned.touch()

    with in_telling_fork(work):
        assert eventually(lambda: told.exists() and told.read_text() != "")
        os.kill(int(told.read_text()), signal.SIGINT)
    assert cleaned.exists()
