"""The batches of a backfill: one statement each, tried again where another session holds its rows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from aegisdb.backfills.wanted import BackfillStopped
from aegisdb.runtime.worker.statements import rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from aegisdb.backfills.keys import Key, Table
    from aegisdb.backfills.pace import Pace
    from aegisdb.backfills.progress import Unrecorded
    from aegisdb.backfills.wanted import Wanted

_MEANWHILE = frozenset({"55P03", "40P01", "40001"})
"""SQLSTATEs of locks not granted, deadlocks and serialization failures, which may pass when tried again."""
_CANCELED = "57014"
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
        tell: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._wanted = wanted
        self._table = table
        self._progress = progress
        self._pace = pace
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
            left = self._left(changed if times else None)
            if not left:
                break
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
        while found := self._table.high(self._connection, self._progress.key, self._pace.size):
            self._pace.wait_for_standbys(self._connection, self._behind)
            changed += self._batch(*found)
            self._tell("")
        return changed

    def _batch(self, high: Key, count: int) -> int:
        """Change the rows up to this key, or only the first of them where that takes too long or fails."""
        began = asked = time.monotonic()
        while True:
            try:
                changed = self._try(high, count)
            except Exception as error:
                # whatever driver it is: without an SQLSTATE it is no answer of the server, and not for us
                code, failed = _sqlstate(error), error
                if not code or (code[:2] in {"08", "57"} and code != _CANCELED):
                    raise
            else:
                took = time.monotonic() - began
                self._pace.took(took, count)
                self._pace.rest(took)
                return changed
            self._after(code, failed, high, count, time.monotonic() - began, time.monotonic() - asked)
            if code in _MEANWHILE:
                time.sleep(min(_PAUSE, 2 * self._wanted.lock_timeout))
                self._progress.waits(self._connection)
            self._pace.halve()
            self._pace.size = min(self._pace.size, max(1, count // 2))
            found = self._table.high(self._connection, self._progress.key, self._pace.size)
            if found is None:
                return 0
            high, count = found
            began = time.monotonic()

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
        if count > 1:
            return
        raise BackfillStopped(
            f"{name}: the row with {row} cannot be changed: {_first_line(error)} (SQLSTATE {code})",
            "the rows before it are done; fix the row or the revision and run it again: it goes on there",
        )

    def _try(self, high: Key, count: int) -> int:
        now = time.monotonic()
        seconds = now - self._written
        statement = self._statement(high, count, seconds)
        # past SQLAlchemy's own reading of the text, yet seen by whoever listens to the revision's statements
        result = self._connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
        row = result.fetchone()
        if row is None:
            raise self._progress.taken_over(self._connection)
        self._still += row[1]
        self._written = now
        self._progress.moved(high, count, row[0], seconds)
        return int(row[0])

    def _statement(self, high: Key, count: int, seconds: float) -> str:
        table, wanted = self._table, self._wanted

        def update(guard: str) -> str:
            between = table.between(self._progress.key, high)
            return (
                f"UPDATE {table.name} SET {wanted.set}\n WHERE {between} AND ({wanted.where}\n){guard}"  # noqa: S608  the revision's own
                f" RETURNING ({wanted.where}\n) IS TRUE AS still"
            )

        return f"/* aegisdb: backfill of {table.name} */ " + self._progress.batch(update, high, count, seconds)

    def _left(self, changed: int | None) -> list[Key]:
        """Return the first rows that match; where the server cancels the query, a walk that changed none will do."""
        rows(self._connection, "SELECT set_config('enable_seqscan', 'on', false)")
        try:
            found = rows(
                self._connection,
                f"SELECT {self._table.texts} FROM {self._table.name} WHERE ({self._wanted.where}\n) LIMIT {_SHOWN}",  # noqa: S608  the revision's own
            )
        except Exception as error:
            if _sqlstate(error) != _CANCELED or not _milliseconds(self._connection, "statement_timeout"):
                raise
            found = [] if changed == 0 else [("not looked at",)]
        rows(self._connection, "SELECT set_config('enable_seqscan', 'off', false)")
        return [tuple(row) for row in found]

    def _stopped_for(self, left: list[Key]) -> BackfillStopped:
        named = "; ".join(self._table.one(key) for key in left if len(key) == len(self._table.columns))
        why = (
            f"`set` leaves {self._still} of the rows that it changed as they were for `where`"
            if self._still
            else "something writes such rows as fast as they are done"
        )
        hint = "change `where` or `set`" if self._still else "let a trigger or a default fill them first"
        return BackfillStopped(f"{self._table.name}: rows are left: {named}: {why}", hint)

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
    found = rows(connection, f"SELECT CAST(setting AS float8) FROM pg_settings WHERE name = '{setting}'")  # noqa: S608  ours
    return float(found[0][0])
