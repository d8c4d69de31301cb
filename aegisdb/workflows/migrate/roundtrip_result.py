"""The result of a roundtrip; that of the last one is kept for `report` in `.aegisdb/last-roundtrip.json`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aegisdb.errors import Problem
from aegisdb.file_cache import Kind
from aegisdb.postgres.masking import mask
from aegisdb.progress import Event
from aegisdb.proofs.revision_proof import Finding, RevisionProof, ServiceProof
from aegisdb.results import Result
from aegisdb.workflows.migrate.remembered_proofs import ProvenBefore

if TYPE_CHECKING:
    from aegisdb.registry.types import Registry
    from aegisdb.workspace import Workspace

_FILE = Kind("last-roundtrip.json", outlasts=1)


@dataclass(frozen=True, kw_only=True)
class RoundtripResult(Result):
    """The proofs of the revisions in scope, by service."""

    services: tuple[ServiceProof, ...]
    scope: str
    """The revisions that were proven, and why these, in words."""
    shard: str = ""
    """The part of the services that was proven; empty for all."""
    with_data: bool
    rows: str = ""
    """Whose rows the revisions were proven on, in words; only `--with-data` has them."""
    before: tuple[ProvenBefore, ...] = ()
    """Revisions in scope that were proven before, on the same ground, and not again."""
    seconds: float


@dataclass(frozen=True)
class LastRoundtrip:
    """A roundtrip of some time ago; `made` is UTC."""

    made: datetime
    target: str
    result: RoundtripResult


def keep_roundtrip(ws: Workspace, result: RoundtripResult) -> None:
    """Remember it as the last one. A place that cannot be written costs the report a section, nothing else."""
    made = datetime.now(UTC).isoformat(timespec="seconds")
    document = {"made": made, "target": ws.target, "result": asdict(result)}
    kept = _FILE.file(ws.registry.state)
    try:
        kept.write(mask(json.dumps(document, indent=1), ws.address()).encode())
    except OSError as error:
        ws.listen(Event(step="keep", subject=kept.path.name, note=f"not kept: {error.strerror}"))


def read_roundtrip(registry: Registry) -> LastRoundtrip | None:
    """The last one; None when there was none, or when it cannot be read."""
    document = _FILE.file(registry.state).read_json()
    try:
        return LastRoundtrip(datetime.fromisoformat(document["made"]), document["target"], _result(document["result"]))
    except (ValueError, TypeError, KeyError):
        return None


def _result(plain: dict[str, Any]) -> RoundtripResult:
    services = tuple(
        ServiceProof(**{**service, "revisions": tuple(map(_revision, service["revisions"]))})
        for service in plain["services"]
    )
    problems = tuple(Problem(**problem) for problem in plain["problems"])
    before = tuple(ProvenBefore(**one) for one in plain.get("before", ()))
    return RoundtripResult(**{**plain, "services": services, "before": before, "problems": problems})


def _revision(plain: dict[str, Any]) -> RevisionProof:
    findings = tuple(Finding(**finding) for finding in plain["findings"])
    return RevisionProof(**{**plain, "findings": findings, "notes": tuple(plain["notes"])})
