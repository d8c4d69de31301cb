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
from aegisdb.workflows.rollout.status import status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aegisdb.workflows.rollout.result import RolloutResult
    from aegisdb.workspace import Workspace

_SUFFIXES = (".html", ".xml", ".json")


@dataclass(frozen=True, kw_only=True)
class RolloutReportResult(Result):
    """Where the report is."""

    file: str


def report(ws: Workspace, identifier: str, *, output: str, write_page: Callable[[Gathered], Result]) -> Result:
    """Ask every member and write what they say; the ending of `output` says as what.

    Raises:
        UsageError: another ending, a file that is there already and not ours, or nobody knows the rollout.
    """
    suffix = f".{output.rpartition('.')[2]}" if output else _SUFFIXES[0]
    if suffix not in _SUFFIXES:
        raise UsageError(f"--output {output}: what kind of file is that?", hint=f"one of {', '.join(_SUFFIXES)}")
    found = status(ws, identifier)
    if suffix == ".html":
        return write_page(_gathered(ws, found, destination(ws, output, f"rollout-{identifier}.html", (suffix,))))
    path = Path(output)
    if suffix == ".xml":
        write_report(path, junit(tuple(_stages(found))))
    else:
        write_report(path, json.dumps(asdict(found), indent=2, ensure_ascii=False) + "\n")
    return RolloutReportResult(file=str(path))


def _gathered(ws: Workspace, found: RolloutResult, path: Path) -> Gathered:
    stages = {stage.stage: dict(stage.counts) for stage in found.stages}
    return Gathered(
        path=path,
        project=ws.registry.file.project,
        target=f"fleet {found.fleet}, rollout {found.id}",
        where="",
        made=datetime.now(UTC),
        source="",
        sections=(
            Section(title="Stages", command=f"rollout.status {found.id}", svg=picture(stages)),
            Section(
                title="Members", command=f"rollout.status {found.id}", results=(found,), problems=tuple(found.problems)
            ),
        ),
    )


def _stages(found: RolloutResult) -> Iterator[Stage]:
    for stage in found.stages:
        members = [one for one in found.members if one.stage == stage.stage]
        cases = tuple(
            Case(name=one.name, problems=(f"{one.state}: {one.reason}",) if one.exit_code else ()) for one in members
        )
        failed = any(case.problems for case in cases)
        summary = ", ".join(f"{count} {word}" for word, count in stage.counts.items())
        yield Stage(
            name=f"rollout.{stage.stage}",
            state="failed" if failed else "ok",
            summary=summary,
            cases=cases,
            problems=(),
            seconds=0.0,
        )
