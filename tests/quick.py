"""Find the tests that need neither a server nor a child process, and mark them `quick`.

A test is quick when nothing that it reaches in the tests' own code names a way to start a program or to open a session.
What the product starts of its own accord is caught while the test runs: it then fails and says which mark it needs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import CodeType, FunctionType
from typing import Any

import pytest

MARK = "quick"
SLOW = ("child", "slow", "docker", "realworld")
"""Marks of tests that are never quick; `child` is for those whose child process the product starts."""
_OUTSIDE = {
    "subprocess",
    "psycopg",
    "multiprocessing",
    "socket",
    "fork",
    "posix_spawn",
    "forkpty",
    "execv",
    "getaddrinfo",
}
_EVENTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system", "socket.connect"}


def mark(items: list[pytest.Item]) -> None:
    """Mark those that are quick."""
    for item in items:
        if isinstance(item, pytest.Function) and _is_quick(item):
            item.add_marker(MARK)


def _is_quick(item: pytest.Function) -> bool:
    if any(item.get_closest_marker(name) for name in SLOW):
        return False
    definitions = item._fixtureinfo.name2fixturedefs  # noqa: SLF001 - pytest tells it nowhere else
    asked = set(item.fixturenames) - _AROUND
    fixtures = [found[-1].func for name, found in definitions.items() if name in asked]
    return not any(_goes_outside(function) for function in (item.function, *fixtures) if _of_tests(function))


_AROUND = {"_production_watches"}  # of CI: it belongs to the session and not to the test


def _of_tests(thing: Any) -> bool:
    module = getattr(thing, "__module__", None) or ""
    return module.startswith("tests") or module.rpartition(".")[2].startswith("test_")


@cache
def _goes_outside(function: Callable[..., object]) -> bool:
    seen: set[Any] = set()
    waiting: list[Any] = [function]
    while waiting:
        thing = waiting.pop()
        if thing in seen:
            continue
        seen.add(thing)
        for name, value in _names(thing):
            if name in _OUTSIDE:
                return True
            if isinstance(value, FunctionType | type) and _of_tests(value):
                waiting.append(value)
    return False


def _names(thing: Any) -> Iterator[tuple[str, object]]:
    """Every name that a function, or a class with its methods, uses, with what it stands for in its module."""
    if isinstance(thing, type):
        for own in vars(thing).values():
            yield from _names(getattr(own, "fget", None) or getattr(own, "func", None) or getattr(own, "__func__", own))
        for base in thing.__bases__:
            yield base.__name__, base
    elif isinstance(thing, FunctionType):
        for name in _words(thing.__code__):
            yield name, thing.__globals__.get(name)
        if wrapped := getattr(thing, "__wrapped__", None):
            yield from _names(wrapped)
    elif wrapped := getattr(thing, "__wrapped__", None):
        yield from _names(wrapped)


def _words(code: CodeType) -> Iterator[str]:
    yield from (word for name in code.co_names for word in name.split("."))
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _words(inner)


class Guard:
    """Hears what this process starts while a quick test runs."""

    def __init__(self) -> None:
        self.started: list[str] | None = None
        sys.addaudithook(self._hear)

    def _hear(self, event: str, about: tuple[object, ...]) -> None:
        if self.started is not None and event in _EVENTS:
            self.started.append(f"{event} {about[:2]}")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hear nothing of what belongs to the session and is only begun while a quick test is the first one."""
        started, self.started = self.started, None
        try:
            yield
        finally:
            self.started = started

    def watch(self, item: pytest.Item) -> Iterator[None]:
        """Fail a quick test that started something."""
        if not item.get_closest_marker(MARK):
            yield
            return
        started: list[str] = []
        self.started = started
        try:
            yield
        finally:
            self.started = None
        if started:
            pytest.fail(f"not quick: {started[0]}; mark the test `child`", pytrace=False)
