"""A rollout's claim on a member: a row in the member's own side schema, made and ended under the writer lock.

The claim is what makes a member's turn once: another coordinator finds it there. How a turn ended that nobody has
written down is read from what the member has: its version tables, its rows in flight, and who holds its lock.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError, Dirty
from aegisdb.fast_dataclass import dataclass
from aegisdb.postgres.lock_holder import holder
from aegisdb.postgres.markers import who
from aegisdb.postgres.side_schema import SETUP_KEY, ensure
from aegisdb.workflows.rollout.record import Record
from aegisdb.workflows.rollout.stops import require_wanted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from aegisdb.applied.status import Standing
    from aegisdb.postgres.connection import Connection
    from aegisdb.workflows.rollout.left import Left

TABLE = "aegisdb.rollouts"
_SQL = """
CREATE TABLE IF NOT EXISTS aegisdb.rollouts (
    id         text NOT NULL,
    attempt    integer NOT NULL,
    member     text NOT NULL,
    record     jsonb NOT NULL,
    claimed_by text NOT NULL,
    claimed    timestamptz NOT NULL DEFAULT clock_timestamp(),
    outcome    text,
    reason     text,
    finished   timestamptz,
    PRIMARY KEY (id, attempt)
)
"""
_LAST = """
SELECT outcome, coalesce(reason, ''), round(extract(epoch FROM finished - claimed), 3),
       round(extract(epoch FROM clock_timestamp() - claimed), 3)
FROM aegisdb.rollouts WHERE id = %s ORDER BY attempt DESC LIMIT 1
"""
_BEGIN = """
INSERT INTO aegisdb.rollouts (id, attempt, member, record, claimed_by)
SELECT %s, coalesce(max(attempt), 0) + 1, %s, %s::jsonb, %s FROM aegisdb.rollouts WHERE id = %s RETURNING attempt
"""
_DIED = "UPDATE aegisdb.rollouts SET outcome = 'died' WHERE id = %s AND outcome IS NULL"
"""Nobody knows when it ended."""
_END = """
UPDATE aegisdb.rollouts SET outcome = %s, reason = %s, finished = clock_timestamp() WHERE id = %s AND attempt = %s
"""
_APPLIED = """
SELECT service, revision FROM (
    SELECT DISTINCT ON (service, revision) service, revision, action, command, id FROM aegisdb.journal
    WHERE action IN ('upgrade', 'downgrade') AND outcome IN ('done', 'resolved') ORDER BY service, revision, id DESC
) AS last WHERE action = 'upgrade' AND command = %s ORDER BY id DESC
"""
DONE, FAILED, DECIDE, RUNNING, DIED = "done", "failed", "decide", "running", "died"
WAITS, NOTHING, UNFIT, UNKNOWN, REVERTED = "not begun", "nothing to do", "unfit", "unknown", "reverted"
"""How far a member is: `died` is a turn that was not ended and left nothing half-applied, `unknown` one that ended in
an error after its claim and could not be looked at since."""
_FIT = {"at head", "pending", "half-applied"}


@dataclass(frozen=True)
class Turn:
    """How far a member is in a rollout, in one word, and why where that is not said by the word."""

    word: str
    reason: str = ""
    seconds: float | None = None
    """From the claim to its end, or to now while it runs, by the member's clock; None where nobody knows."""


class Claim:
    """The claim of one turn; `made` is whether it is in the member, `heard` names wishes to stop that are older."""

    def __init__(self, record: Record, member: str, heard: Collection[str]) -> None:
        self._record = record
        self._member = member
        self._heard = heard
        self.made = False

    @contextmanager
    def __call__(self, conn: Connection) -> Iterator[None]:
        """Claim the member around what is done to it; the caller holds the writer lock.

        An earlier claim that was never ended is one of a run that died: it held this lock.

        Raises:
            StopWished: somebody wants the rollout to stop.
        """
        identifier = self._record.id
        ensure(conn)
        require_wanted(conn, identifier, self._heard)
        with conn.transaction():
            conn.value("SELECT pg_advisory_xact_lock(%s)::text", (SETUP_KEY,))
            conn.execute(_SQL)
        conn.execute(_DIED, (identifier,))
        values = (identifier, self._member, self._record.text(), who(), identifier)
        attempt = conn.value(_BEGIN, values)
        self.made = True
        try:
            yield
        except Dirty as error:
            self._end(conn, attempt, DECIDE, error)
            raise
        except AegisError as error:
            self._end(conn, attempt, FAILED, error)
            raise
        conn.execute(_END, (DONE, "", identifier, attempt))

    def _end(self, conn: Connection, attempt: int, outcome: str, error: AegisError) -> None:
        if not conn.closed:  # else the member tells, once it is reached again
            reason = f"{error.code}: {error.message.splitlines()[0]}"
            conn.execute(_END, (outcome, reason, self._record.id, attempt))


def turn_of(conn: Connection, identifier: str, standings: Mapping[str, Standing], left: Left) -> Turn:
    """How far the database of `conn` is in this rollout, of which this is left to do here."""
    rows = conn.rows(_LAST, (identifier,)) if _is_there(conn) else []
    outcome, reason, seconds, so_far = rows[0] if rows else (WAITS, "", None, None)
    took = None if seconds is None else float(seconds)
    if outcome in {DONE, REVERTED}:
        return Turn(outcome, seconds=took)
    if outcome is None and (by := holder(conn.address, conn)) is not None:
        return Turn(RUNNING, str(by), float(so_far))
    if in_the_way := _in_the_way(standings):
        return replace(in_the_way, seconds=took)
    if not left.pending:
        return Turn(DONE if rows else NOTHING, seconds=took)
    if outcome in {None, DIED}:
        return Turn(DIED, "nothing is half-applied")
    return Turn(FAILED if outcome == DECIDE else outcome, reason, took)  # somebody has decided since


def _in_the_way(standings: Mapping[str, Standing]) -> Turn | None:
    half = [one.problem.message for one in standings.values() if one.problem and one.state == "half-applied"]
    unfit = [one.problem.message for one in standings.values() if one.problem and one.state not in _FIT]
    if half:
        return Turn(DECIDE, "; ".join(half))
    return Turn(UNFIT, "; ".join(unfit)) if unfit else None


def has_ended(conn: Connection, identifier: str) -> bool:
    """Whether the rollout has nothing more to do in the database of `conn`, since its turn there ended well."""
    rows = conn.rows(_LAST, (identifier,)) if _is_there(conn) else []
    return bool(rows) and rows[0][0] in {DONE, REVERTED}


def applied_by(conn: Connection, identifier: str) -> tuple[tuple[str, str], ...]:
    """Services and revisions that the rollout applied here and nobody has reverted since, the newest first."""
    if not _is_there(conn):
        return ()
    return tuple((service, revision) for service, revision in conn.rows(_APPLIED, (command_of(identifier),)))


def mark_reverted(conn: Connection, identifier: str) -> None:
    """Let nobody take the member for one that is still as the rollout left it."""
    conn.execute("UPDATE aegisdb.rollouts SET outcome = %s WHERE id = %s", (REVERTED, identifier))


def command_of(identifier: str) -> str:
    """How the rows of a member's journal name the rollout."""
    return f"rollout {identifier}"


def record_of(conn: Connection, identifier: str) -> Record | None:
    """The rollout as it is kept in a member that it has claimed."""
    if not _is_there(conn):
        return None
    found = conn.rows("SELECT record FROM aegisdb.rollouts WHERE id = %s LIMIT 1", (identifier,))
    return Record.of(found[0][0]) if found else None


def _is_there(conn: Connection) -> bool:
    return conn.value("SELECT to_regclass(%s)::text", (TABLE,)) is not None
