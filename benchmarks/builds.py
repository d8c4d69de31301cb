"""Two builds of aegisdb side by side: the same project in a copy for each, with a server of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks import aegis
from benchmarks.measuring import Contender
from benchmarks.project import ROOT, SETTLED, Project, run
from benchmarks.registries import DATABASE, names
from benchmarks.scenarios import BARE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

THIS, OTHER = "this build", "the other build"
_NOT_THE_PROJECT = ("aegisdb/", "benchmarks/", "tasks/", "tests/", "docs/", "findings/", ".ci/", "tasks.py")
"""A copy of AEGIS goes without them: Python would take the engine in its current directory for any build."""


@dataclass(frozen=True)
class Pair:
    """The project as each build has it."""

    this: Project
    other: Project

    def contenders(
        self, *words: str, code: int = 0, prepare: Callable[[Project], object] = lambda _: None, bare: bool = False
    ) -> tuple[Contender, ...]:
        """The same command of both builds, and bare Invoke beside them where it is asked for."""

        def contender(name: str, project: Project) -> Contender:
            return Contender(name, (project.invoke(*words, code=code),), lambda: prepare(project))

        first = (Contender(BARE, (self.this.invoke("--version"),)),) if bare else ()
        return (*first, contender(THIS, self.this), contender(OTHER, self.other))


@contextmanager
def generated(folder: Path, other: Path, services: int, revisions: int) -> Iterator[Pair]:
    """Make a monorepo of that size for each; the server has a database with nothing but the base schema."""
    with ExitStack() as stack:
        made = []
        for name, build in (("this", ROOT), ("other", other)):
            root = folder / f"{name}-{services}x{revisions}"
            # a process: a large monorepo would stay in our memory, and count as everybody's peak
            argv = [sys.executable, "-m", "benchmarks.registries", str(root), str(services), str(revisions)]
            subprocess.run(argv, cwd=ROOT, check=True)
            project = of_build(Project(root, names(services), ("sql/init.sql",), ()), build)
            made.append(stack.enter_context(_running(project, "db.up")))
            made[-1].anew(DATABASE)
        yield Pair(*made)


@contextmanager
def of_aegis(folder: Path, other: Path) -> Iterator[Pair]:
    """Make a copy of this repository's registry for each, in a git repository, reset once."""
    with ExitStack() as stack:
        made = []
        for name, build in (("this", ROOT), ("other", other)):
            project = of_build(aegis.copy(folder / name, without=_NOT_THE_PROJECT), build)
            _commit(project.root)
            made.append(stack.enter_context(_running(project, "db.reset")))
            made[-1].settle(spare=True)
        yield Pair(*made)


def of_build(project: Project, build: Path) -> Project:
    """The same project, in which another checkout's commands run in that checkout's environment."""
    python = sys.executable if build == ROOT else str(build / ".venv" / "bin" / "python")
    return replace(project, build=build, python=python)


@contextmanager
def _running(project: Project, begin: str) -> Iterator[Project]:
    time.sleep(SETTLED)  # what is known of a file of the last two seconds is not kept
    try:
        run(project.invoke(begin))
        yield project.reached()
    finally:
        run(project.invoke("db.down", "--volumes", "--yes"))


def _commit(root: Path) -> None:
    """`ci` asks git which revisions are new: none."""
    person = ("-c", "user.name=bench", "-c", "user.email=bench@example.com")
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), (*person, "commit", "-q", "-m", "All")):
        subprocess.run(["git", *words], cwd=root, check=True)  # noqa: S607
