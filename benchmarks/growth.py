"""How commands grow with the registry, on a server with an empty database."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.measuring import Contender, compare
from benchmarks.project import ROOT, Project, run
from benchmarks.registries import names
from benchmarks.scenarios import BARE, OURS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.measuring import Samples

SIZES = ((10, 40), (100, 40), (1000, 40), (1, 40), (1, 400), (1, 2000))
"""Services x revisions."""


def measure(folder: Path, rounds: int) -> Iterator[tuple[str, dict[str, Samples]]]:
    """Each size in a project of its own, one after the other."""
    for services, revisions in SIZES:
        root = folder / f"{services}x{revisions}"
        # a process: a large monorepo would stay in our memory, and count as everybody's peak
        made = [sys.executable, "-m", "benchmarks.registries", str(root), str(services), str(revisions)]
        subprocess.run(made, cwd=ROOT, check=True)
        project = Project(root, names(services), (), ())
        run(project.invoke("db.up"))
        try:
            yield from _commands(project, rounds, f"of {services} services x {revisions} revisions")
        finally:
            run(project.invoke("db.down", "--volumes", "--yes"))


def _commands(project: Project, rounds: int, size: str) -> Iterator[tuple[str, dict[str, Samples]]]:
    bare = Contender(BARE, (project.invoke("--version"),))
    # what lint finds in generated statements makes it exit with 6
    commands = {
        "status": project.invoke("migrate.status"),
        "lint --all": project.invoke("migrate.lint", "--all", code=6),
    }
    run(commands["status"])  # the cache of revision files is warm, as it is on every day but the first
    for what, command in commands.items():
        name = f"{what} {size}"
        yield name, compare(name, (bare, Contender(OURS, (command,))), rounds)
