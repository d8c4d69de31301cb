"""Two builds of aegisdb side by side: the same project in a copy for each, with a server of its own."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks import aegis
from benchmarks.measuring import Contender
from benchmarks.project import ROOT, Project, generate, running
from benchmarks.registries import DATABASE
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
            made.append(stack.enter_context(running(of_build(generate(root, services, revisions), build))))
            made[-1].anew(DATABASE)
        yield Pair(*made)


@contextmanager
def of_aegis(folder: Path, other: Path) -> Iterator[Pair]:
    """Make a copy of this repository's registry for each, in a git repository, reset once."""
    with ExitStack() as stack:
        made = []
        for name, build in (("this", ROOT), ("other", other)):
            copied = of_build(aegis.copy(folder / name, without=_NOT_THE_PROJECT), build)
            _commit(copied.root)
            made.append(stack.enter_context(running(copied, "db.reset")))
            made[-1].settle(spare=True)
        yield Pair(*made)


def of_build(project: Project, build: Path) -> Project:
    """The same project, in which another checkout's commands run in that checkout's environment."""
    python = sys.executable if build == ROOT else str(build / ".venv" / "bin" / "python")
    return replace(project, build=build, python=python)


def _commit(root: Path) -> None:
    """`ci` asks git which revisions are new: none."""
    person = ("-c", "user.name=bench", "-c", "user.email=bench@example.com")
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), (*person, "commit", "-q", "-m", "All")):
        subprocess.run(["git", *words], cwd=root, check=True)  # noqa: S607
