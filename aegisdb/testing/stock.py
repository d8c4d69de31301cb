"""Clones for the tests of one process: a thread makes the next ones while a test runs, and drops those that were used.

They are scratch databases, whose locks the thread's session holds: a run that is killed leaves none that anybody takes
for used, so the next command that makes a scratch database drops them, as does `doctor --fix`.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING

from aegisdb.building import template
from aegisdb.building.clones import cloning, keep_clone
from aegisdb.building.templates import holds
from aegisdb.errors import AegisError, Failed
from aegisdb.postgres import databases
from aegisdb.postgres.dropping import drop_retired, making
from aegisdb.postgres.scratch import make, orphans, retire

if TYPE_CHECKING:
    from collections.abc import Callable

    from aegisdb.building import Level
    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection
    from aegisdb.workspace import Workspace

TOGETHER = 12
"""Used clones of a process that are dropped at the same time, with those of others (postgres/dropping.py)."""
_BUILDS = 3  # a template that somebody drops again and again is not waited for


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
        self._ready: deque[Address] = deque()
        self._lent: set[Address] = set()
        self._used: list[Address] = []
        self._retired: list[str] = []  # the thread's own
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
            self._lent.remove(address)
            self._used.append(address)
            self._changed.notify_all()

    def keep(self, address: Address, *, made_for: str) -> Address:
        """Keep a clone that was taken, under another name, and end the sessions on it."""
        kept: Future[Address] = Future()

        def keep(conn: Connection) -> Address:
            databases.end_sessions(conn, address.database)
            return keep_clone(self._ws, conn, address, made_for=made_for)

        with self._changed:
            self._lent.remove(address)
            self._jobs.append((keep, kept))
            self._changed.notify_all()
        return kept.result()

    def close(self) -> None:
        """Drop every clone; raises nothing: what is left is swept by the next command."""
        with self._changed:
            self._ending = True
            self._expected = 0
            self._used += [*self._ready, *self._lent]
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
            self._lent.add(made)
            self._expected = self._more
            self._changed.notify_all()
        return made

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
        """The next piece of work; what somebody waits for comes first."""
        if self._jobs:
            return self._do_job
        if self._used:
            return self._retire
        if len(self._retired) >= (1 if self._ending else TOGETHER):
            return self._drop
        return self._make if len(self._ready) < self._expected and self._failure is None else None

    def _make(self) -> None:
        try:
            conn = self._session()
            address = self._ws.address()
            try:
                with making(conn, address.database):
                    made = make(address, conn, template=self._template, label="test")
            except AegisError:
                if conn.closed or holds(conn, self._template):
                    raise
                raise _TemplateGone(f"template {self._template} is gone") from None
        except BaseException as error:  # noqa: BLE001  it is raised by the thread that waits
            self._set(failure=error)
            return
        self._set(made=made)

    def _set(self, *, made: Address | None = None, failure: BaseException | None = None) -> None:
        with self._changed:
            self._failure = failure
            if made is not None:
                (self._used if self._ending else self._ready).append(made)
            self._changed.notify_all()

    def _retire(self) -> None:
        name = self._used.pop().database
        self._retired.append(name)
        with suppress(AegisError):  # its lock has gone with the session that held it, so it is dropped like an orphan
            retire(self._session(), name)

    def _drop(self) -> None:
        names, self._retired = self._retired, []
        with suppress(AegisError):  # the next sweep drops them
            conn = self._session()
            left = [name for name in names if databases.exists(conn, name)]  # others drop ours as well
            if len(left) < TOGETHER and not self._ending:
                self._retired = left
            else:
                drop_retired(conn, self._ws.address())

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
            # those of a run that was killed; with ours, when there are enough of them
            self._retired += orphans(self._conn, self._ws.address().database)
        return self._conn
