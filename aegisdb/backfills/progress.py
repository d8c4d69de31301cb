"""The progress of a backfill: a row of the side schema that moves in the transaction of each batch."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aegisdb.backfills.wanted import BackfillStopped
from aegisdb.postgres.side_schema import BACKFILLS, BACKFILLS_SQL, SETUP_KEY
from aegisdb.runtime.worker.statements import command, literal, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aegisdb.backfills.keys import Key, Table
    from aegisdb.backfills.wanted import Wanted

_XID = "CAST(pg_catalog.pg_current_xact_id() AS text)"
_FORGET = "DELETE FROM aegisdb.backfills WHERE {place} AND landed <> {xid}"
_KEEP = "UPDATE aegisdb.backfills SET landed = NULL WHERE {place} AND landed = {xid}"
_LAND = "UPDATE aegisdb.backfills SET landed = {xid} WHERE {place} AND finished IS NOT NULL"
_MINE = "SELECT backend_start FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()"
_CLAIM = """
INSERT INTO aegisdb.backfills AS b
    (version_schema, version_table, revision, digest, relation, run, total, backend_start)
VALUES ({values}, ({mine}))
ON CONFLICT (version_schema, version_table, revision, digest) DO UPDATE
    SET run = EXCLUDED.run, backend_pid = EXCLUDED.backend_pid, backend_start = EXCLUDED.backend_start,
        moved = clock_timestamp(), total = greatest(b.total, EXCLUDED.total)
    WHERE NOT (b.moved > clock_timestamp() - interval '30 s' AND EXISTS (
        SELECT FROM pg_catalog.pg_stat_activity a
        WHERE a.pid = b.backend_pid AND a.backend_start = b.backend_start AND a.pid <> pg_catalog.pg_backend_pid()))
RETURNING key, walked, total, changed, seconds, finished IS NOT NULL
"""
_HOLDER = "SELECT backend_pid FROM aegisdb.backfills WHERE {one}"
_NOTED = """
INSERT INTO aegisdb.journal (service, revision, action, outcome, os_user, host, git_commit, command, note, seconds)
VALUES ({values}, {seconds})
"""


@dataclass(frozen=True)
class Place:
    """The revision in which a backfill stands, and the version table of its history."""

    version_schema: str
    version_table: str
    revision: str

    @property
    def condition(self) -> str:
        """The condition for the rows of this revision."""
        return " AND ".join(f"{name} = {literal(value)}" for name, value in vars(self).items())


class Unrecorded:
    """The progress of a backfill in a database that is thrown away: none of it is recorded."""

    finished = False

    def __init__(self, total: int) -> None:
        self.key: Key | None = None
        self.walked = self.changed = 0
        self.total, self.seconds = total, 0.0

    def batch(self, update: Callable[[str], str], key: Key, walked: int, seconds: float) -> str:
        """Write the statement of one batch; its row says how many rows it changed, and how many still match."""
        del key, walked, seconds
        return f"WITH done AS ({update('')}) SELECT {_COUNTS} FROM done"  # noqa: S608  ours

    def moved(self, key: Key, walked: int, changed: int, seconds: float) -> None:
        """Note that the batch is committed."""
        self.key, self.walked, self.changed = key, self.walked + walked, self.changed + changed
        self.seconds += seconds

    def again(self, connection: Any) -> None:
        """Go along the key once more."""
        del connection
        self.key, self.walked = None, 0

    def finish(self, connection: Any) -> None:
        """Note that no row is left."""
        del connection

    def waits(self, connection: Any) -> None:
        """Show that the run is alive while no batch does."""
        del connection

    def note(self, connection: Any, outcome: str, note: str) -> None:
        """Write into the journal."""
        del connection, outcome, note

    def taken_over(self, connection: Any) -> BackfillStopped:
        """Return the error for a batch that found its row taken over by another run."""
        raise AssertionError(connection)  # nobody else knows of it

    def land(self, connection: Any) -> None:
        """Let the revision go on, in the transaction in which its version row moves."""
        del connection


_COUNTS = "count(*) AS changed, count(*) FILTER (WHERE still) AS still"


class Recorded(Unrecorded):
    """The progress of a backfill as a row of the side schema."""

    def __init__(self, place: Place, wanted: Wanted, table: Table, facts: Mapping[str, Any], total: int) -> None:
        super().__init__(total)
        self._place, self._table, self._facts = place, table, facts
        self._run = uuid.uuid4().hex
        self._digest = wanted.digest
        self._one = f"{place.condition} AND digest = {literal(self._digest)}"

    def open(self, connection: Any) -> None:
        """Take the row of an earlier run over, or make one; in the transaction before the first batch.

        Raises:
            BackfillStopped: another session runs this backfill.
        """
        if rows(connection, f"SELECT pg_catalog.to_regclass({literal(BACKFILLS)}) IS NULL")[0][0]:
            rows(connection, f"SELECT CAST(pg_catalog.pg_advisory_xact_lock({SETUP_KEY}) AS text)")
            for statement in BACKFILLS_SQL.split(";"):
                command(connection, statement)
        # what an earlier upgrade has landed was reverted since; what this transaction has is of the same upgrade
        for statement in (_FORGET, _KEEP):
            command(connection, statement.format(place=self._place.condition, xid=_XID))
        texts = map(literal, (*vars(self._place).values(), self._digest, self._table.name, self._run))
        found = rows(connection, _CLAIM.format(values=f"{', '.join(texts)}, {self.total}", mine=_MINE))
        if not found:
            raise self._busy(connection)
        key, self.walked, self.total, self.changed, self.seconds, self.finished = found[0]
        self.key = tuple(json.loads(key)) if key else None

    def batch(self, update: Callable[[str], str], key: Key, walked: int, seconds: float) -> str:
        """Write the statement that also moves the row of progress; no row comes back where another run took over."""
        own = f"{self._one} AND run = {literal(self._run)}"
        return (
            f"WITH mine AS MATERIALIZED (SELECT FROM aegisdb.backfills WHERE {own} FOR UPDATE),"  # noqa: S608  literals
            f" done AS ({update(' AND EXISTS (SELECT FROM mine)')}),"
            f" counted AS (SELECT {_COUNTS} FROM done)"
            f" UPDATE aegisdb.backfills SET key = {literal(json.dumps(key))}, walked = walked + {walked},"
            f" changed = backfills.changed + counted.changed, seconds = seconds + {seconds:.6f},"
            f" moved = clock_timestamp() FROM counted WHERE {own} RETURNING counted.changed, counted.still"
        )

    def again(self, connection: Any) -> None:
        """Go along the key once more, for rows that were written behind the walk."""
        super().again(connection)
        self._set(connection, "key = NULL, walked = 0")

    def finish(self, connection: Any) -> None:
        """Note that no row is left: the run after a death before the revision is recorded has nothing to do here."""
        self._set(connection, "finished = clock_timestamp(), moved = clock_timestamp(), total = walked")

    def waits(self, connection: Any) -> None:
        """Move the time in the row while no batch does."""
        self._set(connection, "moved = clock_timestamp()")

    def land(self, connection: Any) -> None:
        """Mark this backfill and the revision's earlier ones with the transaction in which the version row moves."""
        command(connection, _LAND.format(place=self._place.condition, xid=_XID))
        self.note(connection, "done", f"{self._table.name}: {self.changed} rows changed, {self.walked} looked at")

    def note(self, connection: Any, outcome: str, note: str) -> None:
        """Write into the suite's journal, where the suite runs this."""
        if not self._facts.get("service"):
            return
        names = ("service", "os_user", "host", "git_commit", "command")
        service, *who = (literal(self._facts.get(name)) for name in names)
        values = (service, literal(self._place.revision), "'backfill'", literal(outcome), *who, literal(note))
        command(connection, _NOTED.format(values=", ".join(values), seconds=f"{self.seconds:.6f}"))

    def _set(self, connection: Any, what: str) -> None:
        own = f"{self._one} AND run = {literal(self._run)}"
        if not rows(connection, f"UPDATE aegisdb.backfills SET {what} WHERE {own} RETURNING 1"):  # noqa: S608  literals
            raise self._busy(connection)

    def _busy(self, connection: Any) -> BackfillStopped:
        found = rows(connection, _HOLDER.format(one=self._one))
        who = f"session {found[0][0]}" if found else "another run, which is done,"
        return BackfillStopped(f"{who} is at the backfill of {self._table.name} as well", "one at a time is enough")

    def taken_over(self, connection: Any) -> BackfillStopped:
        """Return the error that names the other run."""
        return self._busy(connection)
