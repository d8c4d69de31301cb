"""The result of a roundtrip; that of the last one is kept for `report` in `.aegisdb/last-roundtrip.json`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aegisdb.errors import Problem
from aegisdb.postgres.masking import mask
from aegisdb.progress import Event
from aegisdb.proofs.revision_proof import Finding, RevisionProof, ServiceProof
from aegisdb.results import Result

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb.registry.types import Registry
    from aegisdb.workspace import Workspace

_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class RoundtripResult(Result):
    """One row for each revision in scope, by service."""

    services: tuple[ServiceProof, ...]
    scope: str
    """In words: what was proven and why."""
    with_data: bool
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
    document = {"version": _VERSION, "made": made, "target": ws.target, "result": asdict(result)}
    path = _path(ws.registry)
    unfinished = path.with_suffix(f".{os.getpid()}.new")
    try:
        path.parent.mkdir(mode=0o711, exist_ok=True)
        unfinished.write_text(mask(json.dumps(document, indent=1), ws.address()), encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        ws.listen(Event(step="keep", subject=path.name, note=f"not kept: {error.strerror}"))


def read_roundtrip(registry: Registry) -> LastRoundtrip | None:
    """The last one; None when there was none, or when another version of aegisdb wrote it."""
    try:
        document = json.loads(_path(registry).read_text(encoding="utf-8"))
        if document["version"] != _VERSION:
            return None
        return LastRoundtrip(datetime.fromisoformat(document["made"]), document["target"], _result(document["result"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _path(registry: Registry) -> Path:
    return registry.state / "last-roundtrip.json"


def _result(plain: dict[str, Any]) -> RoundtripResult:
    services = tuple(
        ServiceProof(**{**service, "revisions": tuple(map(_revision, service["revisions"]))})
        for service in plain["services"]
    )
    problems = tuple(Problem(**problem) for problem in plain["problems"])
    return RoundtripResult(**{**plain, "services": services, "problems": problems})


def _revision(plain: dict[str, Any]) -> RevisionProof:
    findings = tuple(Finding(**finding) for finding in plain["findings"])
    return RevisionProof(**{**plain, "findings": findings, "notes": tuple(plain["notes"])})
