"""This build against another one, work by work: which of the wanted ratios hold within one interleaved run."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from benchmarks import builds
from benchmarks.builds import OTHER, THIS
from benchmarks.growth import LINTED
from benchmarks.measuring import ONCE, compare
from benchmarks.project import run
from benchmarks.registries import DATABASE
from benchmarks.scenarios import BARE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from benchmarks.builds import Pair
    from benchmarks.measuring import Contender, Samples
    from benchmarks.project import Project

    Found = Mapping[str, Mapping[str, Samples]]

HEAD = "| work | asked | wall | CPU | holds |\n|---|--:|--:|--:|---|"
AEGIS = (0, 0)
"""Instead of a size: this repository's own registry."""
ROUNDTRIP, ALL, LAST = "migrate.roundtrip", "roundtrip --all of 1 x {}", "roundtrip --last 1 of 1 x 1000"
MANY, LAST_OF_AEGIS = "roundtrip --all of 10 x 40", "roundtrip of the last revision of AEGIS"
VERIFY, NEW = "verify of AEGIS, nothing changed", "new in AEGIS that finds a change"
CI, CI_AGAIN = "ci of AEGIS, nothing changed since the last", "ci of AEGIS that proves all anew"
PLAN, PLAN_ONE = "plan of 10 x 40", "plan of 1 x 40"
APPLY, COLD, WITHOUT_SPARE = "apply of 50 x 40", "cold reset of AEGIS", "reset of AEGIS without a spare copy"
FIRST_LINT, LINT, STATUS = "first lint of 1000 x 40", "lint of 1000 x 40 again", "status of 1000 x 40"
_CHANGED = 'Base.metadata.tables["user_sessions"].append_column(Column("benched", Text))\n'


@dataclass(frozen=True)
class Work:
    """What both builds do; services x revisions is the project that it is done in."""

    name: str
    size: tuple[int, int]
    contenders: Callable[[Pair], tuple[Contender, ...]]
    once: bool = False
    """It takes minutes, or is another thing the second time."""


@dataclass(frozen=True)
class Wanted:
    """A ratio: at least so many times quicker than `other`, or at most so many times as long; or a peak in MB."""

    work: str
    other: str = OTHER
    least: float = 0.0
    most: float = 0.0
    than: str = ""
    """The work that `other` did, where it is not the same."""
    peak: float = 0.0

    def row(self, found: Found) -> str:
        """A line of the table; that it holds is said of the wall time."""
        ours, theirs = found[self.work][THIS], found[self.than or self.work][self.other]
        against = f"{self.other}'s {self.than}" if self.than else self.other
        if self.peak:
            return _row(
                f"{self.work}: peak", f"at most {self.peak:g} MB", f"{ours.peak:.0f}", "", holds=ours.peak <= self.peak
            )
        if self.most:
            wall, cpu = ours.median / theirs.median, ours.median_cpu / theirs.median_cpu
            return _row(
                f"{self.work} / {against}",
                f"at most {self.most:g}",
                f"{wall:.2f}",
                f"{cpu:.2f}",
                holds=wall <= self.most,
            )
        wall, cpu = theirs.median / ours.median, theirs.median_cpu / ours.median_cpu
        return _row(
            f"{against} / {self.work}",
            f"at least {self.least:g}",
            f"{wall:.2f}",
            f"{cpu:.2f}",
            holds=wall >= self.least,
        )


def _row(what: str, asked: str, wall: str, cpu: str, *, holds: bool) -> str:
    return f"| {what} | {asked} | {wall} | {cpu} | {'yes' if holds else '**MISSED**'} |"


def _all(pair: Pair) -> tuple[Contender, ...]:
    return pair.contenders(ROUNDTRIP, "--all")


def _apply(pair: Pair) -> tuple[Contender, ...]:
    """From an empty database with the base schema."""
    return pair.contenders("migrate.apply", prepare=lambda project: project.anew(DATABASE))


def _cold(pair: Pair) -> tuple[Contender, ...]:
    """No data directory at all."""
    return pair.contenders("db.reset", prepare=lambda project: run(project.invoke("db.down", "--volumes", "--yes")))


def _without_spare(pair: Pair) -> tuple[Contender, ...]:
    return pair.contenders("db.reset", prepare=lambda project: project.settle(spare=False), bare=True)


def _verify(pair: Pair) -> tuple[Contender, ...]:
    """Nothing changed since somebody looked."""
    for project in (pair.this, pair.other):
        run(project.invoke("migrate.verify"))
    return pair.contenders("migrate.verify", bare=True)


def _ci(pair: Pair) -> tuple[Contender, ...]:
    for project in (pair.this, pair.other):
        run(project.invoke("ci"))
    return pair.contenders("ci")


def _ci_again(pair: Pair) -> tuple[Contender, ...]:
    """Older builds remember nothing, and have no flag for it."""
    (ours, _), (_, theirs) = pair.contenders("ci", "--again"), pair.contenders("ci")
    return ours, theirs


def _new(pair: Pair) -> tuple[Contender, ...]:
    """A column that only the models have; the file that was written goes before each run."""
    homes = {project.root: project.root / "services/identity" for project in (pair.this, pair.other)}
    written = {root: set((home / "alembic/versions").glob("*.py")) for root, home in homes.items()}
    for home in homes.values():
        models = home / "identity/models.py"
        models.write_text(f"{models.read_text()}\n\nfrom sqlalchemy import Column\n\n{_CHANGED}")

    def prepare(project: Project) -> None:
        for path in (homes[project.root] / "alembic/versions").glob("*.py"):
            if path not in written[project.root]:
                path.unlink()

    return pair.contenders("migrate.new", "--service", "identity", "--message", "benched", prepare=prepare)


WORKS = (
    *(
        Work(ALL.format(revisions), (1, revisions), _all, once=revisions >= 1000)  # noqa: PLR2004
        for revisions in (40, 400, 1000)
    ),
    Work(LAST, (1, 1000), lambda pair: pair.contenders(ROUNDTRIP, "--last", "1")),
    Work(ALL.format(2000), (1, 2000), lambda pair: _all(pair)[:1], once=True),
    Work(MANY, (10, 40), _all),
    Work(PLAN, (10, 40), lambda pair: pair.contenders("migrate.plan")),
    Work(PLAN_ONE, (1, 40), lambda pair: pair.contenders("migrate.plan")),
    Work(FIRST_LINT, (1000, 40), lambda pair: pair.contenders("migrate.lint", "--all", code=LINTED), once=True),
    Work(LINT, (1000, 40), lambda pair: pair.contenders("migrate.lint", "--all", code=LINTED)),
    Work(STATUS, (1000, 40), lambda pair: pair.contenders("migrate.status", bare=True)),
    Work(APPLY, (50, 40), _apply),
    Work(WITHOUT_SPARE, AEGIS, _without_spare),
    Work(COLD, AEGIS, _cold),
    Work(LAST_OF_AEGIS, AEGIS, lambda pair: pair.contenders(ROUNDTRIP, "--last", "1", "--service", "identity")),
    Work(VERIFY, AEGIS, _verify),
    Work(CI_AGAIN, AEGIS, _ci_again),
    Work(CI, AEGIS, _ci),
    Work(NEW, AEGIS, _new),  # the last one: it changes the models
)
WANTED = (
    Wanted(ALL.format(400), least=4),
    Wanted(ALL.format(1000), least=10),
    Wanted(ALL.format(2000), THIS, most=6, than=ALL.format(400)),
    Wanted(LAST, least=4),
    Wanted(MANY, least=2),
    Wanted(LAST_OF_AEGIS, least=1.7),
    Wanted(NEW, least=1.7),
    Wanted(VERIFY, BARE, most=4),
    Wanted(PLAN, least=2),
    Wanted(CI, least=2.5),
    Wanted(CI_AGAIN, least=2.5),
    Wanted(FIRST_LINT, least=2),
    Wanted(LINT, least=2.5),
    Wanted(FIRST_LINT, THIS, peak=100),
    Wanted(STATUS, BARE, most=3),
    Wanted(APPLY, least=1.0),
    Wanted(COLD, least=1.0),
    Wanted(WITHOUT_SPARE, least=1.0),
)


def measure(folder: Path, other: Path, rounds: int, only: str) -> Iterator[tuple[str, dict[str, Samples]]]:
    """Each work whose name has one of the words of `only`, or all."""
    words = [word.strip() for word in only.split(",") if word.strip()]
    asked = [work for work in WORKS if not words or any(word in work.name for word in words)]
    for size, works in groupby(asked, key=lambda work: work.size):
        made = builds.of_aegis(folder, other) if size == AEGIS else builds.generated(folder, other, *size)
        with made as pair:
            for work in works:
                yield work.name, compare(work.name, work.contenders(pair), 1 if work.once else rounds, enough=ONCE)


def rows(found: Found) -> Iterator[str]:
    """The lines of what the run has figures for."""
    for wanted in WANTED:
        if wanted.work in found and (wanted.than or wanted.work) in found:
            yield wanted.row(found)
