"""How commands grow with the registry, on a server with an empty database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measuring import ONCE, Contender, compare
from benchmarks.project import generate, running
from benchmarks.registries import DATABASE
from benchmarks.scenarios import BARE, OURS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.measuring import Samples
    from benchmarks.project import Project

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
        with running(generate(folder / f"{services}x{revisions}", services, revisions)) as project:
            project.anew(DATABASE)
            size = f"of {services} services x {revisions} revisions"
            yield from _commands(project, rounds, size)
            if services * revisions <= RUN:
                yield from _rehearsals(project, size)


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
