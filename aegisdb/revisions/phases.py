"""Phases of a rolling deploy: what old code bears is applied first, what takes something away when none of it is left.

A revision says its own (`phase = "expand"` or `"contract"`); one that says nothing is taken for what old code bears.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.fast_dataclass import dataclass
from aegisdb.revisions.sequence import by_foreign_keys, declared, joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision
    from aegisdb.revisions.sequence import Step, Steps

EXPAND, CONTRACT = "expand", "contract"


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A pending revision that is not for old code."""

    service: str
    revision: str
    why: str
    """The reason: a contract, one behind it, or one that needs a revision of another service that waits."""

    @property
    def step(self) -> Step:
        """Service and revision."""
        return self.service, self.revision


def contracts(todo: Sequence[Steps]) -> Iterator[tuple[History, Revision]]:
    """Yield the contracts among these steps."""
    for history, steps in todo:
        yield from ((history, revision) for revision in steps if revision.phase == CONTRACT)


def expanding(
    registry: Registry, histories: Mapping[str, History], todo: Sequence[Steps]
) -> tuple[list[Steps], tuple[Waiting, ...]]:
    """Part steps into those up to the first contract of each history, and those that wait, each with its reason.

    `todo` has everything that is pending, of all services; `histories` are all of them. A revision that another
    service's needs (by `requires`, or for its foreign key) and that waits keeps it waiting, too.
    """
    cuts = {history.service: cut for history, steps in todo if (cut := _first_contract(steps)) is not None}
    if not cuts:
        return list(todo), ()
    needs = joined(declared(registry, histories), by_foreign_keys(registry, histories))
    while found := next(_held(todo, cuts, needs), None):
        service, place, why = found
        cuts[service] = place, why
    return _parted(todo, cuts)


def _first_contract(steps: Sequence[Revision]) -> tuple[int, str] | None:
    places = (place for place, revision in enumerate(steps) if revision.phase == CONTRACT)
    return next(((place, "it is a contract") for place in places), None)


def _held(
    todo: Sequence[Steps], cuts: Mapping[str, tuple[int, str]], needs: Mapping[Step, Sequence[Step]]
) -> Iterator[tuple[str, int, str]]:
    """Yield revisions before the cut of their history that need one behind a cut: service, place and reason."""
    waiting = {
        (history.service, revision.id)
        for history, steps in todo
        if history.service in cuts
        for revision in steps[cuts[history.service][0] :]
    }
    for history, steps in todo:
        end = cuts.get(history.service, (len(steps), ""))[0]
        for place, revision in enumerate(steps[:end]):
            awaited = next((other for other in needs.get((history.service, revision.id), ()) if other in waiting), None)
            if awaited is not None:
                yield history.service, place, f"it needs {' '.join(awaited)}, which waits"


def _parted(todo: Sequence[Steps], cuts: Mapping[str, tuple[int, str]]) -> tuple[list[Steps], tuple[Waiting, ...]]:
    kept: list[Steps] = []
    waiting: list[Waiting] = []
    for history, steps in todo:
        place, why = cuts.get(history.service, (len(steps), ""))
        if place:
            kept.append((history, steps[:place]))
        for revision in steps[place:]:
            waiting.append(Waiting(service=history.service, revision=revision.id, why=why))
            why = f"it comes after {steps[place].id}, which waits"
    return kept, tuple(waiting)
