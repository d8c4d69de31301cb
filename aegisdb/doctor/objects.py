"""Findings about objects of the database: INVALID indexes, objects that no service owns."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from aegisdb.doctor.finding import Finding
from aegisdb.doctor.server import in_shell
from aegisdb.fingerprint.keys import parse
from aegisdb.ownership import BASE, NOBODY
from aegisdb.workflows.db.verify import restoring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.doctor.patient import Patient
    from aegisdb.revisions.history import History

_SHOWN = 3
_SAID = {
    "cast": r"create\s+cast",
    "default privileges of": r"default\s+privileges",
    "transform for": r"transform\s+for",
}
"""Text of whoever makes what has no name of its own."""
_FIRST = {
    BASE: "invoke db.verify tells each one",
    NOBODY: "name them in `owns` of the service whose revision makes them",
}
_THEN = "put it into a revision of its owner, or undo it by hand"
_WILDCARD = re.compile(r"([*?\[])")
_YAML_WORD = re.compile(r"[\w.]+")


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
    ws = patient.ws
    with ws.writing("doctor --fix"):
        patient.conn.execute(finding.fix)


def drifted(patient: Patient) -> Iterator[Finding]:
    """Objects that differ from what the applied revisions build, where no other check says why."""
    from aegisdb.drift.schema_drift import drift

    built = patient.built  # what cannot be built cannot be compared, and is told as such
    applied = {name: standing.applied for name, standing in patient.standings.items()}
    found = drift(patient.ws, patient.conn, applied, patient.live, built=built.ws)
    told = _told_elsewhere(patient)
    for owner, changes in sorted(found.changes.items()):
        rest = [one for one in changes if one.object not in told and (owner != NOBODY or one.kind != "added")]
        if owner in told or not rest:
            continue
        more = [f"and {len(rest) - _SHOWN} more"] * (len(rest) > _SHOWN)
        yield Finding(
            check="drift",
            subject=owner or "nobody",
            what=f"{owner or 'nobody'}: {len(rest)} {'object differs' if len(rest) == 1 else 'objects differ'}"
            f" from what {'init SQL builds' if owner == BASE else 'the applied revisions build'}",
            evidence=(*(str(change) for change in rest[:_SHOWN]), *more),
            cause="changed by hand, or by a tool that no revision knows of",
            command=f"{_FIRST.get(owner, 'invoke migrate.verify tells each one')}; "
            + (restoring(patient.ws) if owner == BASE else _THEN),
        )


def _told_elsewhere(patient: Patient) -> set[str]:
    """Owners and objects whose difference another finding explains."""
    from aegisdb.doctor.histories import fitting_stamp
    from aegisdb.ownership import EXTENSION
    from aegisdb.postgres.indexes import invalid_indexes

    told = {EXTENSION, *(f"index {index.name}" for index in invalid_indexes(patient.conn))}
    for name, standing in patient.standings.items():
        if standing.state not in {"at head", "pending", "several heads"} or fitting_stamp(patient, name):
            told.add(name)
    return told


def unowned(patient: Patient) -> Iterator[Finding]:
    """Objects that no service claims, that init SQL did not make and that no extension brought."""
    from aegisdb.workflows.service.owners import unowned_objects

    for key in unowned_objects(patient.owners, patient.live):
        seen = _makers(patient, key)
        yield Finding(
            check="unowned",
            subject=key,
            what=f"no service owns {key}",
            evidence=tuple(f"named in {place}" for _, place in seen[:_SHOWN]),
            cause=_cause(patient, key, seen[0][0])
            if seen
            else "no revision and no env.py of any service names it; most such objects were made by hand",
            command=f"add `{_pattern(patient, key, seen[0][0])}` to `owns` of {seen[0][0]} in services.yaml"
            if seen
            else "put it into a revision of its service (migrate.new --empty), or undo it by hand",
        )


def _cause(patient: Patient, key: str, service: str) -> str:
    outside = f"it lies outside of the schema of {service}, and " if _is_outside(patient, key, service) else ""
    return f"{outside}`owns` of {service} in services.yaml does not name it"


def _pattern(patient: Patient, key: str, service: str) -> str:
    """The name for `owns`, as YAML has it, where one without a schema is in the service's own."""
    name = parse(key)
    plain = _WILDCARD.sub(r"[\1]", name.qualified if _is_outside(patient, key, service) else name.name)
    return plain if _YAML_WORD.fullmatch(plain) else json.dumps(plain)


def _is_outside(patient: Patient, key: str, service: str) -> bool:
    return bool(parse(key).schema) and parse(key).schema != patient.owners.schema_of(service)


def _makers(patient: Patient, key: str) -> list[tuple[str, str]]:
    """Services whose revisions or env.py name the object, with the file."""
    name = parse(key)
    said = _SAID.get(name.kind) or rf"(?<!\w){re.escape(name.name)}(?!\w)"
    word = re.compile(said, re.IGNORECASE if name.kind in _SAID else 0)
    return [
        (service, place)
        for service, history in patient.good.items()
        for place, text in _texts(history)
        if word.search(text)
    ]


def _texts(history: History) -> Iterator[tuple[str, str]]:
    yield from ((revision.path.name, revision.source) for revision in history.ordered())
    env_py = history.locations.env_py
    yield env_py.name, env_py.read_text("utf-8", "replace") if env_py.is_file() else ""
