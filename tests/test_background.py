"""Work beside other work: its result afterwards, its error after what is within."""

from __future__ import annotations

import threading

import pytest

from aegisdb.background import meanwhile


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
