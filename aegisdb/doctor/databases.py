"""Findings about the database as a whole: closed by a run that died, restored, moved to another system's libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.doctor.finding import Finding
from aegisdb.doctor.server import in_shell
from aegisdb.postgres.quoting import quote_ident

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.doctor.patient import Patient

_VERSIONS_SINCE = 150000
_DATABASES = """
    SELECT datname::text, datcollversion, pg_database_collation_actual_version(oid) FROM pg_database
     WHERE datname IN (current_database(), 'template1')
       AND datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid) AND datcollversion IS NOT NULL"""
_COLLATIONS = """
    SELECT collnamespace::regnamespace::text || '.' || pg_catalog.quote_ident(collname), collversion,
           pg_collation_actual_version(oid)
      FROM pg_collation c WHERE collprovider NOT IN ('b', 'd') AND collversion <> pg_collation_actual_version(oid)
       AND EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_collation'::regclass AND d.refobjid = c.oid)
     ORDER BY 1"""


def closed(patient: Patient) -> Iterator[Finding]:
    """A database that a run of ours closed and did not open again."""
    from aegisdb.postgres.closing import is_abandoned, opening_statements

    if not is_abandoned(patient.maintenance, patient.ws.address()):
        return
    yield Finding(
        check="closed",
        subject=patient.name,
        what=f"database {patient.name} accepts no connections",
        evidence=("its setting aegisdb.closed says that a command with --disconnect closed it",),
        cause="the command died before it could open it again",
        command="invoke doctor --fix",
        fix=opening_statements(patient.name)[0],
    )


def reopen(patient: Patient, finding: Finding) -> None:
    """Let sessions in again."""
    from aegisdb.postgres.closing import reopen as reopen_ours

    reopen_ours(patient.maintenance, finding.subject)


def prepared(patient: Patient) -> Iterator[Finding]:
    """Find prepared transactions that wait to be ended."""
    from aegisdb.postgres.databases import prepared as prepared_in

    for one in prepared_in(patient.conn, patient.name):
        yield Finding(
            check="prepared",
            subject=one.gid,
            what=f"{one} holds its locks",
            evidence=("pg_prepared_xacts has it; no copy, reset or change of its tables is possible meanwhile",),
            cause="the application or transaction manager that prepared it neither committed it nor rolled it back",
            command=in_shell(one.undo),
        )


def collations(patient: Patient) -> Iterator[Finding]:
    """Databases and collations whose version is not that of the system's libraries."""
    if patient.conn.identity().server_version >= _VERSIONS_SINCE:
        for name, was, now in patient.conn.rows(_DATABASES):
            alter = f"ALTER DATABASE {quote_ident(name)} REFRESH COLLATION VERSION"
            steps = alter if name != patient.name else f"REINDEX DATABASE {quote_ident(name)}; {alter}"
            yield _collation(f"database {name}", was, now, steps)
    for name, was, now in patient.conn.rows(_COLLATIONS):
        database = quote_ident(patient.name)
        steps = f"REINDEX DATABASE {database}; ALTER COLLATION {name} REFRESH VERSION"
        yield _collation(f"collation {name}", was, now, steps)


def _collation(subject: str, was: str, now: str, steps: str) -> Finding:
    return Finding(
        check="collation",
        subject=subject,
        what=f"{subject} was made with version {was} of its collation, the server has {now or 'none'}",
        evidence=("an index on text may be in another order than the server looks in; copies and snapshots fail",),
        cause="the data moved to a system with another C library or ICU",
        command=in_shell(steps),
    )


def graphs(patient: Patient) -> Iterator[Finding]:
    """Graphs that a dump and restore has broken."""
    from aegisdb.postgres.graphs import broken_graphs

    for graph in broken_graphs(patient.conn):
        yield Finding(
            check="broken_graph",
            subject=graph.name,
            what=f"graph {graph.name} is broken: {graph}",
            cause="it was restored from a dump, which keeps the number that it had in the former database"
            " (apache/age#2503)",
            command="invoke doctor --fix, or copy databases with db.snapshot instead",
            fix="give it the number of its schema",
        )


def repair_graphs(patient: Patient, finding: Finding) -> None:
    """Give every graph the number of its schema; refused where the database is not disposable."""
    del finding
    from aegisdb.postgres.graphs import REPAIR
    from aegisdb.safety import require_disposable

    require_disposable(patient.ws, patient.conn, verb="doctor --fix", undoable=True)
    patient.conn.execute_together(list(REPAIR))
