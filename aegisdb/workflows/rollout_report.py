"""`rollout.report`: a rollout as its members tell it, for people (HTML), for CI (JUnit XML) and for programs (JSON)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.errors import UsageError
from aegisdb.pictures.rollout_stages import picture
from aegisdb.reporting.junit import junit
from aegisdb.reporting.report_file import write_report
from aegisdb.reporting.stages import Case, Stage
from aegisdb.results import Result
from aegisdb.workflows.pictures import destination
from aegisdb.workflows.report import Gathered, Section
from aegisdb.workflows.rollout.result import ENDED
from aegisdb.workflows.rollout.status import status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aegisdb.workflows.rollout.result import MemberTurn, RolloutResult
    from aegisdb.workspace import Workspace

_SUFFIXES = (".html", ".xml", ".json")


@dataclass(frozen=True, kw_only=True)
class RolloutReportResult(Result):
    """Where the report is."""

    file: str


@dataclass(frozen=True, kw_only=True)
class RolloutMembersResult(Result):
    """Every member, for the page."""

    members: tuple[MemberTurn, ...]


def report(
    ws: Workspace,
    identifier: str,
    *,
    output: str,
    write_page: Callable[[Gathered], Result],
    mask: Callable[[str], str],
) -> Result:
    """Ask every member and write what they say; the ending of `output` says as what. `mask` takes passwords out.

    Raises:
        UsageError: another ending, or nobody knows the rollout; Refused: a file is there already that is not ours.
    """
    suffix = Path(output).suffix if output else _SUFFIXES[0]
    if suffix not in _SUFFIXES:
        hint = f"end the name with {', '.join(_SUFFIXES)}"
        raise UsageError(f"cannot tell the format of {output!r}", hint=hint)
    found = status(ws, identifier)
    if suffix == ".html":
        return write_page(_gathered(ws, found, destination(ws, output, f"rollout-{identifier}.html", (suffix,))))
    path = Path(output)
    if suffix == ".xml":
        write_report(path, mask(junit(tuple(_stages(found)), _properties(found))))
    else:
        write_report(path, mask(json.dumps(asdict(found), indent=2, ensure_ascii=False)) + "\n")
    return RolloutReportResult(file=str(path))


def _gathered(ws: Workspace, found: RolloutResult, path: Path) -> Gathered:
    command = f"rollout.status {found.id}"
    stages = {stage.stage: [one.state for one in found.members if one.stage == stage.stage] for stage in found.stages}
    every = RolloutMembersResult(members=found.members)
    return Gathered(
        path=path,
        project=ws.registry.file.project,
        target=f"fleet {found.fleet}, rollout {found.id}",
        where="",
        made=datetime.now(UTC),
        source="",
        sections=(
            Section(
                title="Stages", command=command, results=(found,), problems=tuple(found.problems), svg=picture(stages)
            ),
            Section(title="Members", command=command, results=(every,)),
        ),
    )


def _stages(found: RolloutResult) -> Iterator[Stage]:
    for stage in found.stages:
        cases = tuple(map(_case, (one for one in found.members if one.stage == stage.stage)))
        yield Stage(
            name=f"rollout.{stage.stage}",
            state="failed" if any(case.problems for case in cases) else "ok",
            summary=", ".join(f"{count} {word}" for word, count in stage.counts.items()),
            cases=cases,
            problems=(),
            seconds=sum(case.seconds or 0.0 for case in cases),
        )


def _case(one: MemberTurn) -> Case:
    if one.exit_code:
        return Case(name=one.name, problems=(f"{one.state}: {one.reason}",), seconds=one.seconds)
    return Case(name=one.name, seconds=one.seconds, skipped="" if one.state in ENDED else one.state)


def _properties(found: RolloutResult) -> dict[str, str]:
    """What `report.merge` has to know; nothing where it is no part."""
    told = {"command": "rollout.report", "target": found.fleet, "shard": found.shard, "rollout": found.id}
    return told if found.shard else {}
