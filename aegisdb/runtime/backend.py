"""The worker's session on the server, looked at from outside: who blocks it, is it gone, what did it leave."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from aegisdb.applied.status import WORKERS
from aegisdb.errors import AegisError, Busy, Dirty, RevisionFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection
    from aegisdb.postgres.side_schema import InFlight
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision

_BLOCKERS = """
SELECT a.pid, coalesce(nullif(a.application_name, ''), 'no name'), a.state,
       extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.backend_start))::int
FROM pg_stat_activity a WHERE a.pid = ANY (pg_blocking_pids(%s))
"""
_MINE = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND application_name = %s"
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND application_name = %s"
_ORPHANS = """
SELECT pid, query, extract(epoch FROM clock_timestamp() - query_start)::int FROM pg_stat_activity
WHERE datname = current_database() AND pg_catalog.starts_with(application_name, %s)
"""
_GONE_WITHIN = 10.0  # seconds


def wait_for_orphans(conn: Connection) -> None:
    """Wait until no session of a worker is left in this database. The caller holds the writer lock, so all are orphans.

    Raises:
        Busy: one still works after a bounded time, with pid, query and age.
    """
    deadline = time.monotonic() + _GONE_WITHIN
    while rows := conn.rows(_ORPHANS, (WORKERS,)):
        if time.monotonic() > deadline:
            pid, query, age = rows[0]
            raise Busy(
                f"a worker whose tool has died still works: pid {pid}, for {age} s: {' '.join(query.split())[:120]}",
                hint=f"wait, or end it: SELECT pg_terminate_backend({pid})",
                code="orphan",
            )
        time.sleep(0.1)


def _lives(conn: Connection, row: InFlight) -> bool:
    """Whether the worker whose row this is still works: then it is another run's, and not half-applied."""
    alive = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND pg_catalog.starts_with(application_name, %s)"
    return bool(conn.value(alive, (row.backend_pid, WORKERS)))


def _answers(conn: Connection) -> bool:
    try:
        return not conn.closed and conn.value("SELECT 1") == 1
    except AegisError:
        return False  # the server has ended it, or is gone: a new session will say which


class Backend:
    """Watches over the server process that a worker's connection has."""

    def __init__(
        self, address: Address, application: str, *, online: bool = True, idle: Connection | None = None
    ) -> None:
        self._address = address
        self._idle = idle
        self._online = online  # False where SQL is only rendered: there is nothing to look at
        self._application = application
        self._blockers: list[tuple[int, str, str, int]] = []

    def watch(self, pid: int) -> None:
        """Remember who blocks it now; called while a step takes long."""
        if pid:
            with self._session() as conn:
                self._blockers = [(r[0], r[1], r[2], r[3]) for r in conn.rows(_BLOCKERS, (pid,))] or self._blockers

    def blockers_text(self) -> str:
        """The sessions last seen in the way, with pid, application and age."""
        if not self._blockers:
            return "no session was seen to block it"
        seen = [f"pid {pid} ({name}, {state}, for {age} s)" for pid, name, state, age in self._blockers]
        return f"blocked by {', '.join(seen)}"

    def end(self, pid: int) -> None:
        """End the session on the server and wait until it has rolled back.

        Raises:
            Busy: it is still there after a bounded time.
        """
        if not pid:
            return
        with ExitStack() as stack:
            try:
                conn = stack.enter_context(self._session())
            except AegisError:
                return  # no server, no session
            conn.rows(_END, (pid, self._application))
            deadline = time.monotonic() + _GONE_WITHIN
            while conn.value(_MINE, (pid, self._application)):
                if time.monotonic() > deadline:
                    raise Busy(f"the server still works for our ended client, pid {pid}", hint="run it again later")
                time.sleep(0.02)

    def require_server(self) -> None:
        """Raises Unreachable when the reason of a failure is that there is no server any more."""
        if self._online:
            self._connect().close()

    def require_rows(self, history: History, revision: Revision, expected: tuple[str, ...]) -> None:
        """Look at the version table from outside, where env.py committed by itself.

        Raises:
            RevisionFailed: the step is not recorded.
        """
        from aegisdb.applied.version_tables import read_versions

        with self._session() as conn:
            rows = read_versions(conn, [history])[history.service]
        if history.unknown(rows) or history.topmost(rows) != history.topmost(expected):
            raise RevisionFailed(
                f"{history.service}: {revision.id} ended without being recorded: "
                f"the version table says {', '.join(rows) or 'nothing'}",
                where=f"{revision.path}:{revision.line}",
                hint="env.py must commit the transaction that it begins",
                code="unrecorded",
            )

    def raise_unless_clean(self, history: History, revision: Revision, error: AegisError, *, journal: bool) -> None:
        """Raise Dirty instead of `error` when something of the failed revision is committed."""
        if not journal:
            return
        from aegisdb.postgres.side_schema import in_flight_rows
        from aegisdb.revisions.repeatable import goes_on, is_repeatable

        with self._session() as conn:
            left = [row for row in in_flight_rows(conn) if row.service == history.service and not _lives(conn, row)]
        if left and not (left[0].action == "upgrade" and goes_on(revision)):
            again = left[0].action == "upgrade" and is_repeatable(revision)
            decide = f"invoke migrate.resolve --service {history.service} --applied or --rolled-back"
            raise Dirty(
                f"{error.message}\n{history.service}: {revision.id} is half-applied: what it committed before is kept",
                hint="it is repeatable: invoke migrate.apply runs it again" if again else decide,
                where=error.where,
                code="half_applied",
            ) from None

    @contextmanager
    def _session(self) -> Iterator[Connection]:
        """The idle session while it answers, so that looking costs none; else one of its own."""
        if self._idle is not None and _answers(self._idle):
            yield self._idle
            return
        with self._connect() as conn:
            yield conn

    def _connect(self) -> Connection:
        from aegisdb.postgres.connection import connect

        return connect(self._address, application="aegisdb: watch")
