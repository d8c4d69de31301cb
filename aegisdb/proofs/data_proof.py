"""The proof with data: on a clone of the seeded database, newest revision first, down, up, and the rows counted.

The way back through full tables finds what empty ones hide: NOT NULL without a default, a type that does not convert,
rows that a downgrade deletes and the upgrade does not bring back. Services go in the opposite of the order in which
they migrate, so that nothing depends any more on what is reverted.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError, Interrupted, Unreachable
from aegisdb.plain_text import number_of
from aegisdb.postgres.connection import connect
from aegisdb.postgres.quoting import quote_ident
from aegisdb.postgres.scratch import scratch
from aegisdb.proofs.collector import describe, failure
from aegisdb.proofs.revision_proof import Finding, RevisionProof
from aegisdb.proofs.watched_sessions import WatchedSessions
from aegisdb.runtime.upgrade import in_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from aegisdb.postgres.connection import Connection
    from aegisdb.proofs.proof_databases import Watch
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision
    from aegisdb.revisions.sequence import Steps
    from aegisdb.runtime.session import Session
    from aegisdb.workspace import Workspace

_TABLES = """
SELECT n.nspname, c.relname,
    (SELECT coalesce(json_agg(pg_catalog.json_build_array(a.attname, a.attnum) ORDER BY a.attnum), '[]')
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND pg_catalog.left(n.nspname, 3) <> 'pg_' AND n.nspname NOT IN ('information_schema', 'aegisdb')
    AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Contents:
    """How much is in every table."""

    rows: Mapping[str, int]
    values: Mapping[str, tuple[int, int]]
    """`table.column` to its number in the table, which changes where it is dropped and added again, and how many values
    are not NULL."""


@dataclass(frozen=True)
class DataScope:
    """What to prove of one service: revisions in `prove` are judged, newer ones are only reverted to get there.

    With `whole` all are reverted and none judged: a service that needs one of those which are.
    """

    history: History
    prove: frozenset[str]
    whole: bool = False


class DataProver:
    """Proves revisions of several services on one seeded scratch database, which has what is not in `new`."""

    def __init__(
        self,
        ws: Workspace,
        seeded: str,
        version_tables: frozenset[str],
        watch: Watch,
        new: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        self._ws = ws
        self._seeded = seeded
        self._version_tables = version_tables
        self._new = new
        self._sessions = WatchedSessions(ws, watch)
        self._blocked: dict[str, str] = {}
        """Service to its first revision that is not reverted: none below it is reached."""

    def prove(self, scopes: Sequence[DataScope]) -> Iterator[RevisionProof]:
        """Prove the revisions of the scopes; `scopes` in the order in which services migrate."""
        with ExitStack() as stack:
            address = stack.enter_context(
                scratch(self._ws.address(), template=self._seeded, label="roundtrip with data")
            )
            conn = stack.enter_context(connect(address, application="aegisdb: roundtrip with data"))
            by_service = {scope.history.service: scope for scope in scopes}
            for history, steps in reversed(self._turns(scopes)):
                session = self._sessions.of(history, conn, stack)
                yield from self._turn(by_service[history.service], steps, session, conn)
                session.release()

    def _turns(self, scopes: Sequence[DataScope]) -> list[Steps]:
        """What is reverted, in the order of an apply: services that rest on each other in turn take several."""
        todo = []
        for scope in scopes:
            history = scope.history
            above = history.descendants(history.revisions if scope.whole else scope.prove)
            there = [revision for revision in history.ordered() if (history.service, revision.id) not in self._new]
            todo.append((history, tuple(revision for revision in there if revision.id in above)))
        return in_order(self._ws.registry, [(history, steps) for history, steps in todo if steps], self._ws.address())

    def _turn(
        self, scope: DataScope, steps: Sequence[Revision], session: Session, conn: Connection
    ) -> Iterator[RevisionProof]:
        history = scope.history
        for revision in reversed(steps):
            wanted = revision.id in scope.prove
            if not (blocked := self._blocked.get(history.service, "")):
                proof = self._one(session, conn, history, revision, prove=wanted)
                self._blocked[history.service] = revision.id if proof.status != "proven" else ""
            else:
                note = f"with data: not reached, {blocked} above it is not reverted"
                proof = replace(describe(history, revision, "not reached"), notes=(note,))
            if wanted:
                yield proof

    def _one(
        self, session: Session, conn: Connection, history: History, revision: Revision, *, prove: bool
    ) -> RevisionProof:
        if revision.one_way is not None or self._ws.registry.services[history.service].one_way:
            return describe(history, revision, "one way")
        before = contents(conn, self._version_tables) if prove else Contents({}, {})
        code = "data_downgrade_failed"
        try:
            session.downgrade_one(revision.id)
            if not prove:
                return describe(history, revision, "proven")
            between = contents(conn, self._version_tables)
            code = "data_upgrade_failed"
            session.upgrade_one(revision.id)
            after = contents(conn, self._version_tables)
            code = "data_downgrade_failed"
            session.downgrade_one(revision.id)
        except (Interrupted, Unreachable):
            raise
        except AegisError as error:
            finding = failure(code, history, revision, error)
            return replace(describe(history, revision, "failed"), findings=(finding,))
        return judge(describe(history, revision, "proven"), before, between, after)


def contents(conn: Connection, version_tables: frozenset[str]) -> Contents:
    """Rows and values of every table but the version tables."""
    rows: dict[str, int] = {}
    values: dict[str, tuple[int, int]] = {}
    for schema, name, columns in conn.rows(_TABLES):
        table = f"{schema}.{name}"
        if table in version_tables:
            continue
        wanted = ", ".join(["count(*)", *(f"count({quote_ident(column)})" for column, _ in columns)])
        found = conn.rows(f"SELECT {wanted} FROM ONLY {quote_ident(schema)}.{quote_ident(name)}")[0]  # noqa: S608  quoted
        rows[table] = found[0]
        for (column, number), count in zip(columns, found[1:], strict=True):
            values[f"{table}.{column}"] = (number, count)
    return Contents(rows, values)


def judge(proof: RevisionProof, before: Contents, between: Contents, after: Contents) -> RevisionProof:
    """The proof with what a downgrade and an upgrade cost.

    What the downgrade drops takes its rows and values along by nature; a table that stays must get its rows back.
    """
    lost = {t: rows - after.rows.get(t, 0) for t, rows in before.rows.items() if after.rows.get(t, 0) < rows}
    findings = tuple(
        Finding(
            code="rows_lost",
            object=f"table {table}",
            detail=f"{table}: {number_of(before.rows[table], 'row')}, {after.rows.get(table, 0)} after",
        )
        for table in lost
        if table in between.rows
    )
    # the revision is reverted all the same, so what is below it can be proven: the status says only "findings"
    return replace(proof, findings=findings, rows_lost=lost, values_lost=_values_lost(before, between, after))


def _values_lost(before: Contents, between: Contents, after: Contents) -> dict[str, int]:
    """Values of columns that were dropped and came back, in tables that stayed."""
    found = {}
    for column, (number, count) in before.values.items():
        again, left = after.values.get(column, (number, count))
        if again != number and left < count and column.rpartition(".")[0] in between.rows:
            found[column] = count - left
    return found
