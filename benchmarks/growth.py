"""How commands grow with the registry, on a server with an empty database, and whether that is linear or better."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from benchmarks.measuring import ONCE, Contender, compare
from benchmarks.project import generate, running
from benchmarks.registries import DATABASE, one_file
from benchmarks.scenarios import BARE, FLOOR_FILE, OURS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmarks.measuring import Samples
    from benchmarks.project import Project

    Found = Mapping[str, Mapping[str, Samples]]

LINTED = 6
"""Exit code of lint: it finds something in generated statements."""
DIFFERS = 6
"""Exit code of verify: nothing is applied there."""
LOOKS = ("first status", "status", "first lint --all", "lint --all")
STATEMENTS = "the statements with psql"
"""What PostgreSQL needs for them, each in a transaction that waits for no disk: where that grows, all else does."""
RUNS = ("plan", "roundtrip --all", "verify", STATEMENTS)
"""They run every revision, so they are measured once; with many services on histories of four revisions."""
MOST = 1.15
"""What a revision or a service may cost at one size, in times of what it costs at the size before: machines drift."""
HEAD = "| growth, above bare invoke | asked | time | peak memory | holds |\n|---|--:|--:|--:|---|"


@dataclass(frozen=True)
class Size:
    """A registry, and what is measured in it."""

    services: int
    revisions: int
    works: tuple[str, ...]

    @property
    def name(self) -> str:
        """As in the names of what is measured."""
        return f"of {self.services} services x {self.revisions} revisions"

    def named(self, work: str) -> str:
        """The name of this work at this size."""
        return f"{work} {self.name}"


ROWS = (
    tuple(Size(1, revisions, (*LOOKS, *RUNS)) for revisions in (40, 400, 2000)),
    tuple(Size(services, 40, LOOKS) for services in (10, 100, 1000)),
    tuple(Size(services, 4, RUNS) for services in (10, 100, 1000)),
)
"""Each has the sizes of one registry that grows."""


def measure(folder: Path, rounds: int, only: str = "") -> Iterator[tuple[str, dict[str, Samples]]]:
    """Each size in a project of its own, one after the other; those whose name has one of the words of `only`, or all.

    Bare Invoke is measured beside each: what a machine does worse an hour later it does worse for both.
    """
    words = [word.strip() for word in only.split(",") if word.strip()]
    for size in (size for sizes in ROWS for size in sizes):
        if words and not any(word in size.name for word in words):
            continue
        made = generate(folder / f"{size.services}x{size.revisions}", size.services, size.revisions)
        with running(made) as project:
            project.anew(DATABASE)
            for work in size.works:
                yield size.named(work), _compared(project, size, work, rounds)


def _compared(project: Project, size: Size, work: str, rounds: int) -> dict[str, Samples]:
    name = size.named(work)
    if work == STATEMENTS:
        one_file(project.root / FLOOR_FILE, size.services, size.revisions)
        psql = project.psql("floor", "-f", FLOOR_FILE)
        psql = replace(psql, env={**psql.env, "PGOPTIONS": "-c synchronous_commit=off"})
        return compare(name, (Contender(STATEMENTS, (psql,), lambda: project.anew("floor")),), rounds, enough=ONCE)
    words, code = {
        "status": (("migrate.status",), 0),
        "lint --all": (("migrate.lint", "--all"), LINTED),
        "plan": (("migrate.plan",), 0),
        "roundtrip --all": (("migrate.roundtrip", "--all"), 0),
        "verify": (("migrate.verify",), DIFFERS),
    }[work.removeprefix("first ")]
    bare, ours = Contender(BARE, (project.invoke("--version"),)), Contender(OURS, (project.invoke(*words, code=code),))
    if work in {"status", "lint --all"}:
        return compare(name, (bare, ours), rounds)
    # the first time caches are cold, and a run is another thing the second time
    return compare(name, (bare,), 1) | compare(name, (ours,), 1, enough=ONCE)


def rows(found: Found) -> Iterator[str]:
    """A line for each work and each size whose size before was measured, too."""
    for sizes in ROWS:
        for work in sizes[0].works:
            for before, size in pairwise(sizes):
                if before.named(work) in found and size.named(work) in found:
                    yield _row(size.named(work), found[before.named(work)], found[size.named(work)], before, size)


def _row(name: str, less: Mapping[str, Samples], more: Mapping[str, Samples], before: Size, size: Size) -> str:
    times = size.services * size.revisions / (before.services * before.revisions)
    begins = f"| {name} / {before.name} |"
    if STATEMENTS in more:  # nobody's own: it is asked for nothing
        return f"{begins} | {more[STATEMENTS].median / less[STATEMENTS].median:.2f} | | |"
    time = _above(more, "median") / _above(less, "median")
    peak = _above(more, "peak") / _above(less, "peak")
    holds = "yes" if max(time, peak) <= MOST * times else "**MISSED**"
    return f"{begins} at most {times:g} | {time:.2f} | {peak:.2f} | {holds} |"


def _above(found: Mapping[str, Samples], what: str) -> float:
    """In times of bare Invoke, so that two sizes can be compared; a little above it is the least."""
    ours, bare = (float(getattr(found[who], what)) for who in (OURS, BARE))
    return max(ours / bare - 1, 0.1)
