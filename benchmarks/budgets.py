"""The budgets, and whether a run holds them: ratios of medians of the same run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import databases_of_tests as d
from benchmarks import scenarios as s
from benchmarks.project import DOCUMENTED
from benchmarks.tools import DBMATE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.measuring import Samples

    Found = Mapping[str, Mapping[str, Samples]]

HEAD = "| budget | asked | measured | holds |\n|---|--:|--:|---|"

_SMALL = (3, 10)


@dataclass(frozen=True)
class Budget:
    """The time of `who` divided by that of `other` is at most `most`, or the other way round at least `least`."""

    scenario: str
    who: str
    other: str
    most: float = 0.0
    least: float = 0.0
    services: int = 0
    """Asked of projects with at least so many services,"""
    revisions: int = 0
    """and so many revisions in each,"""
    small: bool = False
    """or only of those with at most 3 x 10,"""
    aegis: bool = False
    """or only of this repository's own registry, whose size nobody chose: 0 x 0."""
    bare: float = 0.0
    """So many times bare `invoke` are added to the time of `other`."""

    def asked(self, services: int, revisions: int) -> bool:
        """Whether it is asked of a project of that size."""
        if self.aegis:
            return not services
        large_enough = services >= self.services and revisions >= self.revisions
        return large_enough and not (self.small and (services > _SMALL[0] or revisions > _SMALL[1]))

    def row(self, found: Mapping[str, Samples]) -> str:
        """A line of the table."""
        taken, other, than = found[self.who].median, found[self.other].median, self.other
        if self.bare:
            other, than = other + self.bare * found[s.BARE].median, f"({than} + {self.bare:g} {s.BARE})"
        if self.most:
            what, asked, ratio = f"{self.who} / {than}", f"at most {self.most:g}", taken / other
            holds = ratio <= self.most
        else:
            what, asked, ratio = f"{than} / {self.who}", f"at least {self.least:g}", other / taken
            holds = ratio >= self.least
        return f"| {self.scenario}: {what} | {asked} | {ratio:.2f} | {'yes' if holds else '**MISSED**'} |"


BUDGETS = (
    *(Budget(name, s.OURS, s.EMPTY, most=1.25) for name in (s.START, s.COMPLETION, s.MISTYPED)),
    Budget(s.STATUS, s.OURS, s.BARE, most=1.6),
    Budget(s.STATUS, s.OURS, DOCUMENTED, least=120, services=50, revisions=40),
    Budget(s.STATUS, s.OURS, DBMATE.name, least=3, services=50, revisions=40),
    # 0.75 s where bare invoke took 150 ms
    Budget(s.FROM_EMPTY, s.OURS, s.BARE, most=5, small=True),
    Budget(s.FROM_EMPTY, s.OURS, DBMATE.name, least=1.25, services=50, revisions=40),
    Budget(s.FROM_EMPTY, s.OURS, s.FLOOR, most=1.25, services=50, revisions=40),
    Budget(s.NOTHING, s.OURS, s.BARE, most=1.6),
    Budget(s.ONE, s.OURS, s.BARE, most=6),
    Budget(s.RESET, s.OURS, s.BARE, most=2),
    Budget(s.RESET, s.SECOND, s.BARE, most=2),
    Budget(s.RESET, s.WITHOUT_SPARE, s.COPIED, most=1, bare=1.5),
    Budget(s.RESET, s.OURS, DOCUMENTED, least=20),
    Budget(s.RESET, s.WITHOUT_SPARE, DOCUMENTED, least=20),
    Budget(s.RESET, s.COLD, DOCUMENTED, least=1, services=1),
    Budget(s.RESET, s.COLD, DOCUMENTED, least=2, aegis=True),
    Budget(s.ROUNDTRIP, s.OURS, DOCUMENTED, least=20, revisions=10),
    Budget(s.ROUNDTRIP, s.OURS, DOCUMENTED, least=40, revisions=40),
    *(
        Budget(f"fingerprint of {tables} tables", who, s.DUMPED, most=1)
        for tables in s.TABLES
        for who in (s.ALONE, s.OPENED, s.AGAIN)
    ),
    Budget(d.WHOLE, s.OURS, d.HAND, most=1.3),
    Budget(d.WHOLE, s.OURS, d.OTHER, least=3),
    Budget(d.SEEN, s.OURS, d.HAND, most=0.5),
    Budget(d.WHOLE, d.OURS_VOLATILE, d.HAND, most=1.3),
    Budget(d.WHOLE, d.OURS_VOLATILE, d.HAND_VOLATILE, most=1.3),
    Budget(d.WHOLE, d.OURS_VOLATILE, d.OTHER, least=3),
    Budget(d.WHOLE, d.OURS_VOLATILE, d.OTHER_VOLATILE, least=3),
    Budget(d.WHOLE, d.OURS_VOLATILE, d.CONTAINER, least=3),
    Budget(d.SEEN, d.OURS_VOLATILE, d.HAND, most=0.5),
    Budget(d.SEEN, d.OURS_VOLATILE, d.HAND_VOLATILE, most=0.5),
    Budget("status of 1000 services x 40 revisions", s.OURS, s.BARE, most=5),
)


def rows(found: Found, services: int, revisions: int) -> Iterator[str]:
    """The lines of those budgets that the run has figures for and is large enough for."""
    for budget in BUDGETS:
        samples = found.get(budget.scenario, {})
        if budget.asked(services, revisions) and budget.who in samples and budget.other in samples:
            yield budget.row(samples)
