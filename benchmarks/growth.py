"""How commands grow with the registry, on a server with an empty database."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.measuring import ONCE, Contender, compare
from benchmarks.project import ROOT, SETTLED, Project, run
from benchmarks.registries import DATABASE, names
from benchmarks.scenarios import BARE, OURS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.measuring import Samples

LINTED = 6
"""Exit code of lint: it finds something in generated statements."""
DIFFERS = 6
"""Exit code of verify: nothing is applied there."""
SIZES = ((1, 40), (1, 400), (1, 2000), (10, 40), (100, 40), (1000, 40))
"""Services x revisions."""
RUN = 2000
"""Plan, roundtrip and verify run every revision: they are measured, once, where there are at most so many."""


def measure(folder: Path, rounds: int) -> Iterator[tuple[str, dict[str, Samples]]]:
    """Each size in a project of its own, one after the other."""
    for services, revisions in SIZES:
        root = folder / f"{services}x{revisions}"
        # a process: a large monorepo would stay in our memory, and count as everybody's peak
        made = [sys.executable, "-m", "benchmarks.registries", str(root), str(services), str(revisions)]
        subprocess.run(made, cwd=ROOT, check=True)
        time.sleep(SETTLED)
        project = Project(root, names(services), ("sql/init.sql",), ())
        run(project.invoke("db.up"))
        try:
            project = project.reached()
            project.anew(DATABASE)
            size = f"of {services} services x {revisions} revisions"
            yield from _commands(project, rounds, size)
            if services * revisions <= RUN:
                yield from _rehearsals(project, size)
        finally:
            run(project.invoke("db.down", "--volumes", "--yes"))


def _commands(project: Project, rounds: int, size: str) -> Iterator[tuple[str, dict[str, Samples]]]:
    bare = Contender(BARE, (project.invoke("--version"),))
    status, lint = project.invoke("migrate.status"), project.invoke("migrate.lint", "--all", code=LINTED)
    # only the first time the caches are cold
    for what, command in (("status", status), ("lint --all", lint)):
        first = f"first {what} {size}"
        yield first, compare(first, (Contender(OURS, (command,)),), 1, enough=ONCE)
        name = f"{what} {size}"
        yield name, compare(name, (bare, Contender(OURS, (command,))), rounds)


def _rehearsals(project: Project, size: str) -> Iterator[tuple[str, dict[str, Samples]]]:
    works = (
        ("plan", ("migrate.plan",), 0),
        ("roundtrip", ("migrate.roundtrip", "--all"), 0),
        ("verify", ("migrate.verify",), DIFFERS),
    )
    for what, words, code in works:
        name = f"{what} {size}"
        yield name, compare(name, (Contender(OURS, (project.invoke(*words, code=code),)),), 1, enough=ONCE)
