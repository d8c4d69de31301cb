"""The proof of many revisions on engines: seconds, and whether the report is the one of this process's threads.

    python -m benchmarks.engines [SERVICES REVISIONS]

Each engine proves all revisions once, on a server of its own; the last one loses both workers in the middle.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.project import generate, running
from benchmarks.registries import DATABASE
from tests.engines.workers import kill_workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.project import Project

ENGINES = ("", "dask:local:2")
_TIMES = {"seconds", "up_seconds", "down_seconds"}


def main(services: int, revisions: int) -> None:
    """Make the monorepo, and print a line an engine."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running(generate(Path(folder) / "engines", services, revisions)) as project,
    ):
        project.anew(DATABASE)
        reports = [_proof(project, name) for name in ENGINES]
        first = reports[0][1]
        reports.append(_proof(project, ENGINES[1], lambda run: _kill_workers(run, services // 2)))
    named = (*(name or "threads of this process" for name in ENGINES), f"{ENGINES[1]}, both workers killed half-way")
    for name, (seconds, report) in zip(named, reports, strict=True):
        print(f"{name}: {seconds:.1f} s, {'the same report' if report == first else 'ANOTHER report'}")


def _proof(
    project: Project, engine: str, meanwhile: Callable[[subprocess.Popen[str]], None] | None = None
) -> tuple[float, Any]:
    words = ("migrate.roundtrip", "--all", "--format", "json", *(["--engine", engine] if engine else []))
    made = project.invoke(*words)
    began = time.monotonic()
    piped = subprocess.PIPE
    with subprocess.Popen(made.argv, cwd=made.cwd, env=made.env, stdout=piped, stderr=piped, text=True) as process:
        if meanwhile:
            meanwhile(process)
        out, _ = process.communicate()
    return time.monotonic() - began, _timeless(json.loads(out))


def _kill_workers(process: subprocess.Popen[str], after: int) -> None:
    """Kill them once so many services are proven."""
    assert process.stderr is not None
    while after and (line := process.stderr.readline()):
        after -= line.startswith("  prove s")
    if len(kill_workers(process.pid)[0]) != 2:  # noqa: PLR2004
        raise SystemExit("there were no two workers to kill")


def _timeless(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: _timeless(value) for key, value in document.items() if key not in _TIMES}
    return [_timeless(one) for one in document] if isinstance(document, list) else document


if __name__ == "__main__":
    main(*map(int, sys.argv[1:] or ("40", "50")))
