"""Clones for the tests of one process: a thread makes the next ones while a test runs, and drops those that were used.

They are scratch databases, whose locks the thread's session holds: a run that is killed leaves none that anybody takes
for used, so the next command that makes a scratch database drops them, as does `doctor --fix`.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, NamedTuple

from aegisdb.building import template
from aegisdb.building.clones import cloning, keep_clone
from aegisdb.building.templates import holds
from aegisdb.errors import AegisError, Failed
from aegisdb.postgres import databases
from aegisdb.postgres.scratch import scratch, sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from aegisdb.building import Level
    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection
    from aegisdb.workspace import Workspace

MOST_USED = 4
"""Used clones that may wait while others are made; then they are dropped first."""
_BUILDS = 3  # a template that somebody drops again and again is not waited for


class _Made(NamedTuple):
    address: Address
    scratch: AbstractContextManager[Address]


class _TemplateGone(Failed):
    """Somebody dropped the template since it was asked for."""


class Stock:
    """Clones of the template of one level."""

    def __init__(self, ws: Workspace, level: Level, *, ahead: int) -> None:
        self._ws = ws
        self._level = level
        self._ahead = ahead
        self._template = ""
        self._given = False
        self._more = 0
        self._conn: Connection | None = None  # the thread's own
        self._thread: threading.Thread | None = None
        # all below is only touched while this is held
        self._changed = threading.Condition()
        self._expected = 0
        self._ready: deque[_Made] = deque()
        self._lent: dict[str, _Made] = {}
        self._used: deque[_Made] = deque()
        self._jobs: deque[tuple[Callable[[Connection], Address], Future[Address]]] = deque()
        self._failure: BaseException | None = None
        self._ending = False

    @property
    def has_given(self) -> bool:
        """Whether a clone was ever taken."""
        return self._given

    def take(self, *, more: int | None = None) -> Address:
        """A fresh clone; `more` others are expected to be taken after it, else as many as before.

        Raises:
            Refused: clones may not be made there. What `template` raises.
        """
        self._more = self._more if more is None else min(more, self._ahead)
        for _ in range(_BUILDS):
            if not self._template:
                with cloning(self._ws, "pytest") as conn:
                    self._template = template(self._ws, self._level, conn)
            try:
                return self._take()
            except _TemplateGone:
                self._template = ""
        raise Failed("the template of the tests' databases is dropped as soon as it is built")

    def drop(self, address: Address) -> None:
        """Drop a clone that was taken, some time later."""
        with self._changed:
            self._used.append(self._lent.pop(address.database))
            self._changed.notify_all()

    def keep(self, address: Address, *, made_for: str) -> Address:
        """Keep a clone that was taken, under another name, and end the sessions on it."""
        made = self._lent.pop(address.database)
        kept: Future[Address] = Future()

        def keep(conn: Connection) -> Address:
            databases.end_sessions(conn, address.database)
            there = keep_clone(self._ws, conn, address, made_for=made_for)
            made.scratch.__exit__(None, None, None)  # nothing of its name is left to be dropped
            return there

        with self._changed:
            self._jobs.append((keep, kept))
            self._changed.notify_all()
        return kept.result()

    def close(self) -> None:
        """Drop every clone; raises nothing: what is left is swept by the next command."""
        with self._changed:
            self._ending = True
            self._expected = 0
            self._used += [*self._ready, *self._lent.values()]
            self._ready.clear()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _take(self) -> Address:
        with self._changed:
            self._expected = 1 + self._more
            self._failure = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="aegisdb: clones", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._ready or self._failure)
            if not self._ready:
                assert self._failure is not None  # noqa: S101  what was waited for
                raise self._failure
            self._given = True
            made = self._ready.popleft()
            self._lent[made.address.database] = made
            self._expected = self._more
            self._changed.notify_all()
        return made.address

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._next() or self._ending)
                step = self._next()
            if step is None:
                break
            step()
        if self._conn is not None:
            self._conn.close()

    def _next(self) -> Callable[[], None] | None:
        """What to do now; what somebody waits for comes first."""
        if self._jobs:
            return self._do_job
        too_few = len(self._ready) < self._expected and self._failure is None
        if too_few and (not self._ready or len(self._used) < MOST_USED):
            return self._make
        return self._drop_one if self._used else None

    def _make(self) -> None:
        try:
            conn = self._session()
            making = scratch(self._ws.address(), conn, template=self._template, label="test", sweeping=False)
            try:
                made = _Made(making.__enter__(), making)
            except AegisError:
                if conn.closed or holds(conn, self._template):
                    raise
                raise _TemplateGone(f"template {self._template} is gone") from None
        except BaseException as error:  # noqa: BLE001  it is raised by the thread that waits
            self._set(failure=error)
            return
        self._set(made=made)

    def _set(self, *, made: _Made | None = None, failure: BaseException | None = None) -> None:
        with self._changed:
            self._failure = failure
            if made is not None:
                (self._used if self._ending else self._ready).append(made)
            self._changed.notify_all()

    def _drop_one(self) -> None:
        with suppress(AegisError):  # the next sweep drops it
            self._used.popleft().scratch.__exit__(None, None, None)

    def _do_job(self) -> None:
        with self._changed:
            work, result = self._jobs.popleft()
        try:
            result.set_result(work(self._session()))
        except BaseException as error:  # noqa: BLE001  it is raised by the thread that waits
            result.set_exception(error)

    def _session(self) -> Connection:
        if self._conn is None or self._conn.closed:
            self._conn = databases.maintenance(self._ws.address(), application="aegisdb: pytest")
            self._conn.stay()
            sweep(self._conn, self._ws.address().database)
        return self._conn
