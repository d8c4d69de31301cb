"""Where each service stands in a database: what is applied, what is pending, what does not fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from aegisdb.applied.out_of_order import OutOfOrder, Ran, out_of_order
from aegisdb.applied.out_of_order import problem as never_ran
from aegisdb.applied.version_faults import Last, misplaced
from aegisdb.applied.version_tables import read_versions
from aegisdb.errors import Dirty, HistoryError, Problem
from aegisdb.revisions.history import Everything
from aegisdb.revisions.repeatable import goes_on, is_repeatable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aegisdb.applied.missing_revisions import Lost
    from aegisdb.postgres.connection import Connection
    from aegisdb.postgres.side_schema import InFlight
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision

    Half = tuple[Problem, InFlight]

WORKERS = "aegisdb worker:"
"""How the application names of sessions begin in which revisions run."""
_ALIVE = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pg_catalog.starts_with(application_name, %s)
"""
State = Literal[
    "at head", "pending", "ahead", "unknown", "several heads", "half-applied", "broken", "version rows", "never ran"
]


@dataclass(frozen=True)
class Standing:
    """A service's state in one database."""

    service: str
    history: History | None
    """None when its files are broken."""
    applied: tuple[str, ...]
    pending: Sequence[Revision]
    state: State
    problem: Problem | None = None
    """What a person must decide before anything can be applied; None for `at head` and `pending`."""
    out_of_order: OutOfOrder | None = None
    """What counts as applied and never ran."""
    edited: tuple[str, ...] = ()
    """Applied revisions whose files do something else than what ran, where that was looked for."""
    repeatable: str = ""
    """The half-applied revision, where its file says that it may be run again."""

    @property
    def phases(self) -> dict[str, str]:
        """The phases of pending revisions, for those that say one; where no file does, none is looked at."""
        said = self.history is not None and self.pending and self.history.phases
        return {one.id: one.phase for one in self.pending if one.phase} if said else {}

    @property
    def changed(self) -> Problem | None:
        """The problem of applied revisions whose files do something else than what ran here."""
        if not self.edited or self.history is None:
            return None
        ids = ", ".join(self.edited)
        first = self.history.revisions[self.edited[0]]
        return Problem(
            code="tampered",
            message=f"{self.service}: what {ids} {'do' if len(self.edited) > 1 else 'does'} now never ran here",
            where=f"{first.path}:{first.line}",
            hint=f"invoke doctor says how to get back what ran; if nobody else applied it, put that back, then"
            f" invoke migrate.rollback --service {self.service}, and apply the new text",
        )

    @property
    def behind(self) -> Problem | None:
        """The problem of a check that wants every service at head."""
        if self.state != "pending":
            return None
        count = len(self.pending)
        message = f"{self.service} has {count} pending revision{'' if count == 1 else 's'}"
        return Problem(code="pending", message=message, hint="invoke migrate.apply")


def read_standings(conn: Connection | None, histories: Mapping[str, History | HistoryError]) -> dict[str, Standing]:
    """Where every service stands; without a connection the database is taken to be empty.

    Raises:
        Busy: somebody locks a version table for long.
    """
    good = [history for history in histories.values() if not isinstance(history, HistoryError)]
    applied = read_versions(conn, good) if conn is not None else {}
    half = _half_applied(conn) if conn is not None else {}
    last = Last(conn, [h.service for h in good if not applied.get(h.service)]) if conn is not None else None
    ran = Ran(conn, [h.service for h in good if applied.get(h.service)]) if conn is not None else None
    found = {}
    for service, history in histories.items():
        if isinstance(history, HistoryError):
            found[service] = Standing(service, None, (), (), "broken", _broken(history))
        else:
            found[service] = _standing(last, ran, history, applied.get(service, ()), half.get(service))
    return found


def _standing(
    last: Last | None, ran: Ran | None, history: History, rows: tuple[str, ...], half: Half | None
) -> Standing:
    unknown = history.unknown(rows)
    known = tuple(row for row in rows if row not in unknown)
    pending: Sequence[Revision] = ()
    if not unknown:
        pending = history.pending(known) if known else Everything(history)
    if half is not None:
        return _half_standing(history, rows, pending, half)
    if unknown and last is not None:
        from aegisdb.applied.missing_revisions import find_lost

        lost = [find_lost(last.conn, history, row) for row in unknown]
        ahead = all(one.ahead for one in lost)
        return Standing(history.service, history, rows, (), "ahead" if ahead else "unknown", _unknown(history, lost))
    if last is not None and (wrong := misplaced(last, history, rows)):
        return Standing(history.service, history, rows, (), "version rows", wrong)
    if ran is not None and rows and ran.may_lack(history, rows) and (found := out_of_order(ran.conn, history, rows)):
        return Standing(history.service, history, rows, pending, "never ran", never_ran(history, found), found)
    if pending and (problem := several_heads(history)):
        return Standing(history.service, history, rows, pending, "several heads", problem)
    edited = ran.edited(history, rows) if ran is not None and rows else ()
    return Standing(history.service, history, rows, pending, "pending" if pending else "at head", edited=edited)


def _half_standing(history: History, rows: tuple[str, ...], pending: Sequence[Revision], half: Half) -> Standing:
    problem, died = half
    again = next((one for one in pending if one.id == died.revision and died.action == "upgrade"), None)
    if again is None or not is_repeatable(again):
        return Standing(history.service, history, rows, pending, "half-applied", problem)
    if goes_on(again):  # no object is half-way, and its backfill knows which rows are done: nothing to decide
        return Standing(history.service, history, rows, pending, "pending", repeatable=again.id)
    hint = f"it is repeatable: invoke migrate.apply --service {history.service} runs it again"
    problem = replace(problem, hint=hint)
    return Standing(history.service, history, rows, pending, "half-applied", problem, repeatable=again.id)


def several_heads(history: History) -> Problem | None:
    """Two heads are a mistake unless they are labelled branches, or one of them depends on the other."""
    if len(history.heads) < 2 or len(history.topmost(history.heads)) < 2:  # noqa: PLR2004  two heads
        return None
    heads = [history.revisions[head] for head in history.heads]
    branches = {
        label for head in heads for ancestor in history.ancestors((head.id,)) for label in _labels(history, ancestor)
    }
    if len(branches) >= len(heads):
        return None
    return Problem(
        code="several_heads",
        message=f"{history.service} has {len(heads)} heads: {', '.join(f'{h.id} ({h.path.name})' for h in heads)}",
        where=", ".join(f"{head.path}:{head.line}" for head in heads),
        hint=f"invoke migrate.rebase --service {history.service}",
    )


def _labels(history: History, identifier: str) -> tuple[str, ...]:
    return history.revisions[identifier].labels


def _broken(error: HistoryError) -> Problem:
    return Problem(code=error.code, message=error.message, hint=error.hint, where=error.where)


def _unknown(history: History, lost: list[Lost]) -> Problem:
    ahead = sum(one.ahead for one in lost)
    code = "ahead" if all(one.ahead for one in lost) else "unknown_revision"
    what = f" is ahead by {ahead}" if code == "ahead" else ""
    return Problem(
        code=code,
        message=f"{history.service}{what}: the database is at {', '.join(one.revision for one in lost)},"
        f" which no file of this checkout has{_candidates(lost)}",
        where=str(history.locations.versions[0]),
        hint="; ".join(one.hint for one in lost),
    )


def _candidates(lost: list[Lost]) -> str:
    found = [candidate for one in lost for candidate in one.candidates]
    return f" (found: {'; '.join(found)})" if found else ""


def _half_applied(conn: Connection) -> dict[str, Half]:
    from aegisdb.postgres.side_schema import in_flight_rows

    found: dict[str, Half] = {}
    rows = in_flight_rows(conn)
    # what still works is no half-applied revision: one in an autocommit block shows its row while it runs
    alive = {pid for (pid,) in conn.rows(_ALIVE, (WORKERS,))} if rows else set()
    for row in rows:
        if row.backend_pid in alive:
            continue
        error = half_applied(row.service, row.revision, f"{row.action} by {row.os_user} on {row.host}")
        problem = Problem(
            code=error.code, message=error.message, hint=error.hint, where=error.where, exit_code=error.exit_code
        )
        found[row.service] = problem, row
    return found


def half_applied(service: str, revision: str, how: str) -> Dirty:
    """The error for a run that died after something of a revision was committed."""
    return Dirty(
        f"{service}: {revision} is half-applied: its {how} died after something of it was committed",
        hint=f"look at what it did, then invoke migrate.resolve --service {service} --applied or --rolled-back",
        code="half_applied",
    )
