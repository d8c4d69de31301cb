"""The gate's check `plan`: what the rehearsal of pending revisions shows that people would wait for, or lose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.errors import Failed, Problem
from aegisdb.workflows.migrate.plan import COPY, plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.postgres.connection import Connection
    from aegisdb.proofs.rehearsal import Rehearsal
    from aegisdb.workflows.migrate.pending import ApplyPlan
    from aegisdb.workflows.migrate.plan import PlanResult
    from aegisdb.workspace import Workspace

MANY = 10_000
"""Rows: reading or writing fewer holds nobody up for long."""
_LONG = ("scans the table", "builds an index")
_HINT = "see invoke migrate.plan"


def findings(ws: Workspace, pending: ApplyPlan) -> Iterator[Problem]:
    """Rehearse what is pending, and find what the gate stops for.

    Raises:
        Refused, Unreachable: there is no place for a rehearsal.
    """
    try:
        result = plan(ws, service=pending.service, to=pending.to, phase=pending.phase)
    except Failed as error:
        failed = getattr(error.result, "failed", "")
        text = f"{failed or 'a pending revision'} fails in rehearsal: {error.message}"
        yield Problem(code="plan", message=text, where=error.where, hint=_HINT)
        return
    with ws.connect() as conn:
        yield from _told(conn, result)


def _told(conn: Connection, result: PlanResult) -> Iterator[Problem]:
    where = "rehearsed on a copy" if result.rehearsed_on == COPY else "rehearsed on an empty database"
    for revision in result.revisions:
        for text in _findings(conn, revision):
            name = f"{revision.service} {revision.revision}"
            yield Problem(code="plan", message=f"{name} {text}", where=where, hint=_HINT)


def _findings(conn: Connection, revision: Rehearsal) -> Iterator[str]:
    for table in revision.tables:
        if table.dropped and _has_rows(conn, table.origin, 1):
            yield f"drops {table.table}, which has rows"
        elif table.rewritten and table.stops and _has_rows(conn, table.origin, MANY):
            yield f"rewrites {table.table} ({MANY} rows or more) while {table.stops} wait"
    for constraint in revision.constraints:
        if constraint.check in _LONG and _has_rows(conn, constraint.origin, MANY):
            yield f"{constraint.check} {constraint.table} ({MANY} rows or more) for {constraint.constraint}"
    for index in revision.invalid_indexes:
        yield f"leaves index {index} INVALID"


def _has_rows(conn: Connection, table: str, count: int) -> bool:
    """Whether the live table has as many; one that an earlier pending revision makes has none, nor a live name."""
    if not table or conn.value("SELECT to_regclass(%s)", (table,)) is None:
        return False
    found = conn.value(f"SELECT count(*) FROM (SELECT FROM ONLY {table} LIMIT {count}) AS first")  # noqa: S608  quoted by the catalog
    return int(found) >= count
