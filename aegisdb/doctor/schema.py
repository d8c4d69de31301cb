"""Findings about objects of the database: INVALID indexes, objects that nobody owns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aegisdb.doctor.finding import Finding
from aegisdb.doctor.server import in_shell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.doctor.patient import Patient

_SHOWN = 3


def invalid(patient: Patient) -> Iterator[Finding]:
    """INVALID indexes that nobody is building."""
    from aegisdb.postgres.indexes import invalid_indexes

    for index in invalid_indexes(patient.conn):
        if index.in_work:
            continue
        yield Finding(
            check="invalid_index",
            subject=index.name,
            what=f"index {index.name} on {index.table} is INVALID: no query uses it, every write pays for it",
            evidence=(index.definition,),
            cause="a CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY failed or was killed;"
            " IF NOT EXISTS takes it for a good index",
            command=in_shell(index.repair),
            fix=index.repair,
        )


def rebuild(patient: Patient, finding: Finding) -> None:
    """Build the index again, or drop what a rebuild left beside the good one; nobody's writes are stopped."""
    from aegisdb.postgres.locks import writer_lock

    ws = patient.ws
    with writer_lock(ws.address(), wait=ws.lock_wait, command=ws.command or "doctor --fix", listen=ws.listen):
        patient.conn.execute(finding.fix)


def unowned(patient: Patient) -> Iterator[Finding]:
    """Objects that no service claims, that init SQL did not make and that no extension brought."""
    from aegisdb.workflows.owners import unowned_objects

    for key in unowned_objects(patient.owners, patient.live):
        name = re.split(r"[ .]", key)[-1].strip('"')
        seen = _makers(patient, name)
        yield Finding(
            check="unowned",
            subject=key,
            what=f"nobody owns {key}",
            evidence=tuple(f"named in {place}" for _, place in seen[:_SHOWN]),
            cause=f"`owns` of {seen[0][0]} in services.yaml does not name it"
            if seen
            else "made by hand: no revision of any service names it",
            command=f"add `{name}` to `owns` of {seen[0][0]} in services.yaml"
            if seen
            else "put it into a revision of its service (migrate.new --empty), or drop it by hand",
        )


def _makers(patient: Patient, name: str) -> list[tuple[str, str]]:
    """Services whose revisions name the object, with the file."""
    word = re.compile(rf"\b{re.escape(name)}\b")
    return [
        (service, revision.path.name)
        for service, history in patient.good.items()
        for revision in history.ordered()
        if word.search(revision.source)
    ]
