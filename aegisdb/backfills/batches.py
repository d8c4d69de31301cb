"""The batches of a backfill: one statement each, tried again where another session holds its rows."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from aegisdb.backfills.wanted import BackfillStopped
from aegisdb.runtime.worker.statements import command, literal, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from aegisdb.backfills.keys import Key, Table
    from aegisdb.backfills.pace import Pace
    from aegisdb.backfills.progress import Unrecorded
    from aegisdb.backfills.wanted import Wanted

_MEANWHILE = frozenset({"55P03", "40P01", "40001"})
"""SQLSTATEs of locks not granted, deadlocks and serialization failures, which may pass when tried again."""
_CANCELED = "57014"
_NOT_KNOWN = "42"
"""The class of SQLSTATEs of syntax errors, unknown names and types that do not fit."""
_WHOLE = 3  # times along the whole key: rows that come in behind need another one
_SHOWN = 5
_PAUSE = 0.5  # seconds at most between two tries


class Batches:
    """Goes along the key until no row matches `where`."""

    def __init__(
        self,
        connection: Any,
        wanted: Wanted,
        table: Table,
        progress: Unrecorded,
        pace: Pace,
        settings: Mapping[str, str],
        tell: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._wanted = wanted
        self._table = table
        self._progress = progress
        self._pace = pace
        self._settings = settings
        self._tell = tell
        self._still = 0
        """The number of rows that still match although they were changed."""
        self._written = time.monotonic()
        """The time when the row of progress moved last, rests included."""

    def run(self) -> None:
        """Change every row that matches.

        Raises:
            BackfillStopped: rows are left, or a row cannot be changed.
        """
        self._note_beginning()
        resumed = self._progress.key is not None
        times = 0
        while True:
            changed = self._walk()
            times += not resumed
            resumed = False
            left = self._left()
            if left == [] or (left is None and times and not changed):
                break  # where nobody could look, a walk along the whole key that changed nothing has seen every row
            if self._still or times >= _WHOLE:
                raise self._stopped_for(left)
            self._progress.again(self._connection)
        self._progress.finish(self._connection)

    def _note_beginning(self) -> None:
        goes_on = self._progress.key
        where = f"goes on behind {self._table.one(goes_on)}" if goes_on else "begins"
        self._progress.note(self._connection, "started", f"{self._table.name}: {where}")

    def _walk(self) -> int:
        """Go from the current key to the last row, and return how many rows were changed."""
        changed = 0
        while True:
            self._pace.wait_for_standbys(self._connection, self._behind)
            found = self._batch()
            if found is None:
                return changed
            changed += found
            self._tell("")

    def _batch(self) -> int | None:
        """Change the next rows, or only the first of them where that takes too long or fails; None behind the last."""
        asked = time.monotonic()
        while True:
            found: tuple[Key, int] | None = None
            began, since = time.monotonic(), self._written
            try:
                with self._transaction(self._settings):
                    found = self._table.high(self._connection, self._progress.key, self._pace.size)
                    if found is None:
                        return None
                    began = time.monotonic()
                    changed, still = self._change(*found, began - since)
            except Exception as error:
                # whatever driver it is: without an SQLSTATE it is no answer of the server, and not for us
                code, failed = _sqlstate(error), error
                if found is None or not code or (code[:2] in {"08", "57"} and code != _CANCELED):
                    raise
            else:
                took = time.monotonic() - began
                self._still += still
                self._written = began
                self._progress.moved(*found, changed, began - since)
                self._pace.took(took, found[1])
                self._pace.rest(took)
                return changed
            self._after(code, failed, *found, time.monotonic() - began, time.monotonic() - asked)
            self._make_way(code, found[1])

    def _make_way(self, code: str, count: int) -> None:
        """Give others a moment, and make the next try smaller."""
        if code in _MEANWHILE:
            time.sleep(min(_PAUSE, 2 * self._wanted.lock_timeout))
            self._progress.waits(self._connection)
        self._pace.halve()
        self._pace.size = min(self._pace.size, max(1, count // 2))

    @contextmanager
    def _transaction(self, settings: Mapping[str, str]) -> Iterator[None]:
        """Hold a transaction with settings of its own: a pooler may give the next one another session of the server."""
        command(self._connection, "BEGIN")
        try:
            call = "pg_catalog.set_config('{name}', {value}, true)"
            calls = ", ".join(call.format(name=name, value=literal(value)) for name, value in settings.items())
            rows(self._connection, f"SELECT {calls}")
            yield
        except BaseException:
            with suppress(Exception):  # where the session is gone, what told so is raised
                command(self._connection, "ROLLBACK")
            raise
        command(self._connection, "COMMIT")

    def _after(self, code: str, error: Exception, high: Key, count: int, took: float, waited: float) -> None:
        """Let a batch be tried again, with half of its rows.

        Raises:
            BackfillStopped: it has only one row and that row's content fails, or its rows were held for too long.
        """
        name, row = self._table.name, self._table.one(high)
        if code in _MEANWHILE:
            if waited < self._wanted.patience:
                return
            raise BackfillStopped(
                f"{name}: others hold rows up to {row} for {waited:.0f} s: {_first_line(error)}", "run it again later"
            )
        if code == _CANCELED:
            limit = _milliseconds(self._connection, "statement_timeout") / 1000
            if count > 1 and 0 < limit <= took + 0.01:
                return
            raise BackfillStopped(f"{name}: a batch up to {row} was canceled: {_first_line(error)}")
        if code.startswith(_NOT_KNOWN) and (refused := self._refused(high)):
            raise BackfillStopped(
                f"{name}: the server does not take the statement, whatever the row: {refused} (SQLSTATE {code})",
                "correct `set` or `where`",
            )
        if count > 1:
            return
        raise BackfillStopped(
            f"{name}: the row with {row} cannot be changed: {_first_line(error)} (SQLSTATE {code})",
            "the rows before it are done; fix the row or the revision and run it again: it goes on there",
        )

    def _refused(self, high: Key) -> str:
        """Return the server's message where it cannot even plan the update; empty where only running it fails."""
        try:
            rows(self._connection, f"EXPLAIN {self._update(high)}")
        except Exception as error:
            if not _sqlstate(error).startswith(_NOT_KNOWN):
                raise
            return _first_line(error)
        return ""

    def _change(self, high: Key, count: int, seconds: float) -> tuple[int, int]:
        """Return how many rows were changed, and how many of them still match."""
        statement = self._statement(high, count, seconds)
        # past SQLAlchemy's own reading of the text, yet seen by whoever listens to the revision's statements
        result = self._connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
        row = result.fetchone()
        if row is None:
            raise self._progress.taken_over(self._connection)
        return int(row[0]), int(row[1])

    def _statement(self, high: Key, count: int, seconds: float) -> str:
        def update(guard: str) -> str:
            return f"{self._update(high, guard)} RETURNING ({self._wanted.where}\n) IS TRUE AS still"

        own = self._progress.batch(update, high, count, seconds)
        return f"/* aegisdb: backfill of {self._table.name} */ {own}"

    def _update(self, high: Key, guard: str = "") -> str:
        between = self._table.between(self._progress.key, high)
        return f"UPDATE {self._table.name} SET {self._wanted.set}\n WHERE {between} AND ({self._wanted.where}\n){guard}"  # noqa: S608  the revision's own

    def _left(self) -> list[Key] | None:
        """Return the first rows that match; None where the server cancels the query."""
        look = f"SELECT {self._table.texts} FROM {self._table.name} WHERE ({self._wanted.where}\n) LIMIT {_SHOWN}"  # noqa: S608  the revision's own
        try:
            with self._transaction({**self._settings, "enable_seqscan": "on"}):
                found = rows(self._connection, look)
        except Exception as error:
            if _sqlstate(error) != _CANCELED or not _milliseconds(self._connection, "statement_timeout"):
                raise
            return None
        return [tuple(row) for row in found]

    def _stopped_for(self, left: list[Key] | None) -> BackfillStopped:
        name = self._table.name
        if self._still:
            why = f"`set` leaves {self._still} of the rows that it changed as they were for `where`"
            return BackfillStopped(f"{name}: rows are left{self._named(left)}: {why}", "change `where` or `set`")
        if left is None:
            return BackfillStopped(
                f"{name}: whether rows are left is not known: statement_timeout ended each look for them, and each of"
                f" {_WHOLE} times along the key still changed some",
                "raise statement_timeout, or let a trigger or a default fill new rows first",
            )
        why = "something writes such rows as fast as they are done"
        return BackfillStopped(
            f"{name}: rows are left{self._named(left)}: {why}", "let a trigger or a default fill them first"
        )

    def _named(self, left: list[Key] | None) -> str:
        return f": {'; '.join(map(self._table.one, left))}" if left else ""

    def _behind(self, seconds: float) -> None:
        self._progress.waits(self._connection)
        self._tell(f"(waits: a standby is {seconds:.0f} s behind)")


def _sqlstate(error: BaseException) -> str:
    """Return the server's SQLSTATE for the error; empty where it gave none."""
    link: BaseException | None = getattr(error, "orig", None) or error
    while link is not None:
        code = getattr(link, "sqlstate", None) or getattr(link, "pgcode", None)
        if isinstance(code, str):
            return code
        link = link.__cause__
    return ""


def _first_line(error: BaseException) -> str:
    original: Any = getattr(error, "orig", None) or error
    said = getattr(getattr(original, "diag", None), "message_primary", None)
    return said or str(original).strip().split("\n", 1)[0]


def _milliseconds(connection: Any, setting: str) -> float:
    sql = f"SELECT CAST(setting AS float8) FROM pg_catalog.pg_settings WHERE name = '{setting}'"  # noqa: S608  ours
    return float(rows(connection, sql)[0][0])
