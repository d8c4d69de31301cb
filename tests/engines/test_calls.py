"""Calls that an engine loses are made again; what they raise comes back as it was."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from aegisdb.engines.calls import BugElsewhere, repeated
from aegisdb.engines.choice import require_engine
from aegisdb.engines.engine import Engine
from aegisdb.errors import BrokenServices, Failed, UsageError


@contextmanager
def processes(width: int = 1) -> Iterator[Engine]:
    """An engine whose workers can be killed, and which then answers nothing any more."""
    with ProcessPoolExecutor(width, mp_context=multiprocessing.get_context("spawn")) as executor:
        yield Engine("processes", executor, width, lambda: True)


def begun(order: tuple[Path, bool]) -> int:
    """Count how often the call begins, and die in it where that is ordered."""
    file, dies = order
    with file.open("a") as began:
        began.write("x")
    if dies:
        os.kill(os.getpid(), signal.SIGKILL)
    return len(file.read_text())


def failing(how: str) -> None:
    if how == "known":
        raise BrokenServices({"a": Failed("one", hint="h")}, message="two", hint="do")
    raise ZeroDivisionError(how)


def lost(order: object, why: str) -> None:
    pytest.fail(f"{order} was lost: {why}")


def came(order: object, value: object) -> None:
    """Nobody is told."""


def test_every_call_has_its_answer_in_its_place(tmp_path: Path) -> None:
    with processes(2) as engine:
        found = repeated(engine, begun, [(tmp_path / str(n), False) for n in range(5)], came, lost)
    assert found == dict.fromkeys(range(5), 1)


def test_what_a_dead_engine_had_is_missing_and_told(tmp_path: Path) -> None:
    told: list[str] = []
    with processes() as engine:
        found = repeated(engine, begun, [(tmp_path / "a", True)], came, lambda _, why: told.append(why.split()[0]))
    # the second time it is not even taken
    assert (found, told) == ({}, ["BrokenProcessPool"] * 2)
    assert (tmp_path / "a").read_text() == "x"


def test_an_engine_that_nobody_works_for_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aegisdb.engines.calls._LOOK", 0.05)
    told: list[str] = []
    with ThreadPoolExecutor(1) as executor:
        held = threading.Event()
        executor.submit(held.wait)
        engine = Engine("held", executor, 1, lambda: False)
        found = repeated(engine, str, [1, 2], came, lambda order, why: told.append(f"{order}: {why}"))
        held.set()
    assert (found, told) == ({}, ["1: none of its workers is left", "2: none of its workers is left"])


def test_an_error_comes_back_as_it_was() -> None:
    with processes() as engine, pytest.raises(BrokenServices) as raised:
        repeated(engine, failing, ["known"], came, lost)
    assert [problem.message for problem in raised.value.problems] == ["one", "two"]
    with processes() as engine, pytest.raises(BugElsewhere, match="ZeroDivisionError: other"):
        repeated(engine, failing, ["other"], came, lost)


@pytest.mark.parametrize("name", ["dask", "dask:", "dask:local:0", "dask:local:x", "ray:local:2"])
def test_a_name_of_no_engine_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--engine does not know") as raised:
        require_engine(name)
    assert (raised.value.exit_code, raised.value.code) == (2, "engine")
