"""Proofs of many revisions on engines: seconds, and whether the report is the one of this process.

    python -m benchmarks.engines [SERVICES REVISIONS [COMMAND ...]]

Each command runs once by itself and once on each engine, with nothing known from before, on a server of its own; once
more it loses both workers in the middle. Commands: roundtrip, lint, plan, verify.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.project import generate, running
from benchmarks.registries import DATABASE
from tests.engines.workers import kill_workers

if TYPE_CHECKING:
    from benchmarks.project import Project

ENGINE = "dask:local:2"
COMMANDS = {
    "roundtrip": ("migrate.roundtrip", "--all"),
    "lint": ("migrate.lint", "--all"),
    "plan": ("migrate.plan",),
    "verify": ("migrate.verify",),
}
_TIMES = {"seconds", "up_seconds", "down_seconds"}
_KEPT = ("lint", "models")
"""Folders of the cache with what a command would not find out again."""


@dataclass(frozen=True)
class Ran:
    """A run: its seconds, those until its parts were given to the engine, its report without times."""

    seconds: float
    until_parts: float
    report: Any


def main(services: int, revisions: int, commands: tuple[str, ...]) -> None:
    """Make the monorepo, and print three lines a command."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running(generate(Path(folder) / "engines", services, revisions)) as project,
    ):
        project.anew(DATABASE)
        if "verify" in commands:
            _run(project, "verify")  # builds the templates, for whoever comes first
        for command in commands:
            _told(command, "by itself", alone := _run(project, command), alone)
            _told(command, ENGINE, there := _run(project, command, ENGINE), alone)
            half = (there.seconds - there.until_parts) / 2
            _told(command, f"{ENGINE}, both workers killed half-way", _run(project, command, ENGINE, half), alone)


def _told(command: str, how: str, ran: Ran, alone: Ran) -> None:
    same = "the same report" if ran.report == alone.report else "ANOTHER report"
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg()[:2])
    print(f"{command} {how}: {ran.seconds:.1f} s, {same} (load {load})", flush=True)


def _run(project: Project, command: str, engine: str = "", kill_after: float | None = None) -> Ran:
    for folder in _KEPT:
        shutil.rmtree(project.root / ".aegisdb" / "cache" / folder, ignore_errors=True)
    words = (*COMMANDS[command], "--format", "json", *(["--engine", engine] if engine else []))
    made = project.invoke(*words)
    began = time.monotonic()
    piped = subprocess.PIPE
    with subprocess.Popen(made.argv, cwd=made.cwd, env=made.env, stdout=piped, stderr=piped, text=True) as process:
        until_parts = _wait_for_parts(process, began) if engine else 0.0
        if kill_after is not None:
            time.sleep(kill_after)
            if len(kill_workers(process.pid)[0]) != 2:  # noqa: PLR2004
                raise SystemExit("there were no two workers to kill")
        out, _ = process.communicate()
    return Ran(time.monotonic() - began, until_parts, _timeless(json.loads(out)))


def _wait_for_parts(process: subprocess.Popen[str], began: float) -> float:
    assert process.stderr is not None
    while (line := process.stderr.readline()) and f"at once on {ENGINE}" not in line:
        pass
    return time.monotonic() - began


def _timeless(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: _timeless(value) for key, value in document.items() if key not in _TIMES}
    return [_timeless(one) for one in document] if isinstance(document, list) else document


if __name__ == "__main__":
    size = sys.argv[1:3] or ("40", "50")
    main(int(size[0]), int(size[1]), tuple(sys.argv[3:]) or tuple(COMMANDS))
