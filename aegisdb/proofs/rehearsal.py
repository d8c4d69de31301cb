"""Runs pending revisions on a database that is thrown away, and tells what each does to the tables that were there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.proofs.table_states import NewConstraint, State, new_constraints, read_state
from aegisdb.runtime.history_base import lay_ground
from aegisdb.runtime.step_options import StepOptions
from aegisdb.runtime.upgrade import Sessions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aegisdb.postgres.connection import Connection
    from aegisdb.revisions.history import History
    from aegisdb.runtime.ended_together import EndedTogether
    from aegisdb.runtime.step_results import StepDone
    from aegisdb.runtime.upgrade import Steps
    from aegisdb.workspace import Workspace

STRENGTHS = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
"""PostgreSQL's table locks, the weakest first."""
STOPS: Mapping[str, str] = {
    "ShareLock": "writers",
    "ShareRowExclusiveLock": "writers",
    "ExclusiveLock": "writers",
    "AccessExclusiveLock": "readers and writers",
}
"""The sessions that wait while such a lock is held; nobody's reading or writing waits for the others."""
_EXACT_UP_TO = 1_000_000  # rows: above, the planner's estimate is taken
_BYTES_A_ROW = 40  # about the least that a row takes, for tables without statistics
_CONCURRENTLY = re.compile(
    r"\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\b.*?\bON\s+(?:ONLY\s+)?(?P<table>[^\s(]+)"
    r"|\bREINDEX\s.*?\bTABLE\s+CONCURRENTLY\s+(?P<whole>[^\s;]+)",
    re.IGNORECASE | re.DOTALL,
)
_SIZES = """
SELECT oid::bigint, reltuples::bigint, pg_relation_size(oid)::bigint FROM pg_class WHERE oid = ANY (%s::oid[])
"""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A statement as it was executed; parameters are left out."""

    sql: str
    seconds: float
    times: int = 1
    """The number of sets of parameters that it ran with."""
    outside: bool = False
    """Outside of the revision's transaction: what it did stays when a later statement fails."""


@dataclass(frozen=True, kw_only=True)
class Touched:
    """The effect of a revision on a table that was there before."""

    table: str
    rows: int | None
    """Before the revision; None for a view."""
    exact: bool
    lock: str
    """The strongest one, in PostgreSQL's words; kept until the revision commits."""
    stops: str
    """The sessions that wait for it: "readers and writers", "writers" or nobody."""
    rewritten: bool
    """Its rows are in a new file: all were written again, or it was emptied."""
    origin: str = ""
    """Its name before the first of these revisions; empty where one of them made it."""
    dropped: bool = False
    rows_read: int = 0
    """Rows read by sequential scans, including checks of constraints and building of indexes."""
    inserted: int = 0
    updated: int = 0
    deleted: int = 0


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """The effects of a revision, as it ran on a copy."""

    service: str
    revision: str
    message: str
    seconds: float
    statements: tuple[Statement, ...]
    tables: tuple[Touched, ...]
    constraints: tuple[NewConstraint, ...]
    invalid_indexes: tuple[str, ...]
    """Indexes that the revision leaves INVALID."""
    notes: tuple[str, ...] = ()


def rehearse(
    ws: Workspace,
    conn: Connection,
    todo: Sequence[Steps],
    ignored: frozenset[str],
    *,
    timeout: float | None = None,
    grounds: Sequence[History] | None = None,
    watch: EndedTogether | None = None,
) -> Iterator[Rehearsal]:
    """Run these steps on the database of `conn`; `ignored` are tables (schema.name) of ours: the version tables.

    `grounds` are the histories whose ground is laid first, where these are more than those of the steps. `watch` is
    told each session.

    Raises:
        RevisionFailed, Refused and so on as `Session.upgrade_one`.
    """
    standing = [history for history, _ in todo] if grounds is None else grounds
    lay_ground(ws.registry, conn, standing, bindir=ws.server.bindir(), listen=ws.listen)
    before = read_state(conn)
    names = {relation: table.name for relation, table in before.tables.items()}
    rows = RowCounts(conn)
    rows.count(before, before.tables)
    with Sessions(
        ws.registry,
        conn.address,
        conn.identity(),
        StepOptions(listen=ws.listen, journal=False, timeout=timeout, observe=True),
        watch=watch,
    ) as sessions:
        for step in sessions.upgrade(todo):
            after = read_state(conn, before)
            told = _Told(step, before, after, ignored, names)
            yield told.rehearsal(rows)
            rows.count(after, [*told.touched, *(after.tables.keys() - before.tables.keys())])
            before = after


class RowCounts:
    """Rows of each table: counted where that is cheap, else the planner's estimate."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._rows: dict[int, tuple[int, bool]] = {}

    def of(self, relation: int) -> tuple[int | None, bool]:
        """The number and whether it is exact; None for what has no rows of its own."""
        return self._rows.get(relation, (None, True))

    def count(self, state: State, relations: Iterable[int]) -> None:
        """Count these again."""
        stored = [r for r in relations if r in state.tables and state.tables[r].file]
        small = []
        for relation, estimate, size in self._conn.rows(_SIZES, (stored,)) if stored else ():
            if max(estimate, size // _BYTES_A_ROW) > _EXACT_UP_TO:
                self._rows[relation] = (max(estimate, 0), False)
            else:
                small.append(relation)
        if small:
            counts = ", ".join(f"(SELECT count(*) FROM ONLY {state.tables[r].name})" for r in small)  # noqa: S608  quoted by the catalog
            found = self._conn.rows(f"SELECT {counts}")[0]
            self._rows.update((r, (number, True)) for r, number in zip(small, found, strict=True))


class _Told:
    """Puts together what the worker saw and what the catalog says before and after."""

    def __init__(
        self, step: StepDone, before: State, after: State, ignored: frozenset[str], names: Mapping[int, str]
    ) -> None:
        self._step = step
        self._names = names
        """Names of the tables before the first step, which is what the live database calls them."""
        self._before = before
        self._after = after
        observed = step.observed or {}
        self._statements = tuple(Statement(**statement) for statement in observed.get("statements", ()))
        self._work = dict(observed.get("work", ()))
        self._checks = {(check[0], check[1], check[2]): check[3] for check in observed.get("checks", ())}
        self._locks = self._strongest(observed.get("locks", ()))
        self.touched = [r for r in self._locks if before.tables[r].plain not in ignored]
        """Tables that were there before and are locked by more than a look at them, or changed."""

    def _strongest(self, locks: Iterable[tuple[int, str]]) -> dict[int, str]:
        found: dict[int, str] = {}
        for relation, mode in [*locks, *self._concurrent()]:
            if relation in self._before.tables:
                found[relation] = max(mode, found.get(relation, mode), key=STRENGTHS.index)
        return found

    def _concurrent(self) -> Iterator[tuple[int, str]]:
        """What PostgreSQL documents for statements that no transaction can hold on to, so that none could be seen."""
        for statement in self._statements:
            found = _CONCURRENTLY.search(statement.sql) if statement.outside else None
            if found is None:
                continue
            written = (found["table"] or found["whole"]).replace('"', "")
            for relation, table in self._before.tables.items():
                if written in {table.plain, table.plain.partition(".")[2]}:
                    yield relation, "ShareUpdateExclusiveLock"

    def rehearsal(self, rows: RowCounts) -> Rehearsal:
        """The result for this step."""
        step = self._step
        tables = sorted((self._table(r, rows) for r in self.touched), key=lambda t: (-STRENGTHS.index(t.lock), t.table))
        return Rehearsal(
            service=step.service,
            revision=step.revision,
            message=step.message,
            seconds=step.seconds,
            statements=self._statements,
            tables=tuple(tables),
            constraints=tuple(
                sorted(
                    new_constraints(self._before, self._after, self._scanned, self._names),
                    key=lambda c: (c.table, c.constraint),
                )
            ),
            invalid_indexes=tuple(sorted(self._after.invalid - self._before.invalid)),
            notes=("ends its transaction by itself: a failure after that leaves it half-applied",)
            if step.ended_transaction
            else (),
        )

    def _scanned(self, constraint: int, relation: int, column: str) -> bool:
        """Whether the statement read the rows that brought it; the whole step where that statement was not seen."""
        sequential, *_, by_index = self._work.get(relation, (0, 0))
        return bool(self._checks.get((constraint, relation, column), sequential or by_index))

    def _table(self, relation: int, rows: RowCounts) -> Touched:
        was, now = self._before.tables[relation], self._after.tables.get(relation)
        number, exact = rows.of(relation)
        _, read, inserted, updated, deleted, _ = self._work.get(relation, (0, 0, 0, 0, 0, 0))
        lock = self._locks[relation]
        return Touched(
            table=was.name,
            rows=number,
            exact=exact,
            lock=lock,
            stops=STOPS.get(lock, ""),
            rewritten=now is not None and now.file != was.file,
            origin=self._names.get(relation, ""),
            dropped=now is None,
            rows_read=read,
            inserted=inserted,
            updated=updated,
            deleted=deleted,
        )
