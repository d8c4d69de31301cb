"""Parts of a plan: each rehearses some services on a copy of its own, after what these need.

What a revision does may depend on every revision before it. A part applies those whose texts show that they are needed.
What no text shows is looked for in the end: tables that revisions of two parts touched, and that one of them changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, TypeVar

from aegisdb.errors import AegisError, Interrupted
from aegisdb.proofs.rehearsal import STRENGTHS, rehearse
from aegisdb.revisions.independence import waits_to_show
from aegisdb.runtime.upgrade import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from aegisdb.postgres.connection import Connection
    from aegisdb.proofs.rehearsal import Rehearsal, Touched
    from aegisdb.registry.types import Registry
    from aegisdb.runtime.ended_together import EndedTogether
    from aegisdb.runtime.upgrade import Steps
    from aegisdb.workspace import Workspace

R = TypeVar("R")
_FOREIGN_KEY = "ShareRowExclusiveLock"
"""What a new foreign key takes of the table that it points at."""


@dataclass(frozen=True)
class Part:
    """Services that are rehearsed together."""

    own: frozenset[str]
    """Services whose revisions it tells."""
    first: frozenset[str] = frozenset()
    """Services of other parts whose revisions it applies, too."""

    @property
    def applied(self) -> frozenset[str]:
        """All of them."""
        return self.own | self.first


@dataclass(frozen=True)
class Rehearsed:
    """What a part has found out about its own services."""

    revisions: tuple[Rehearsal, ...]
    failed: str = ""
    """Service and revision that failed, of whatever service; nothing after it was rehearsed."""
    error: AegisError | None = None

    @property
    def doubtful(self) -> bool:
        """Whether it failed, and might not after everything that comes before it."""
        return self.error is not None and not isinstance(self.error, Interrupted)


@dataclass(frozen=True)
class Pending:
    """What is pending, and what a rehearsal of it must know."""

    todo: tuple[Steps, ...]
    own: frozenset[str]
    """Services that are to be told."""
    ignored: frozenset[str]
    """Tables of ours."""
    order: tuple[str, ...]
    """What is pending, as `PlanResult` has it."""
    timeout: float


class Parts:
    """How pending revisions can be cut into parts."""

    def __init__(self, registry: Registry, todo: Sequence[Steps], names: Collection[str]) -> None:
        """`names`: of objects that the database has."""
        self._counts = {history.service: len(steps) for history, steps in todo}
        self._needs = _closed(_direct(registry, todo, names))

    def of(self, own: Collection[str]) -> Part:
        """The part with these services, as far as anything of them is pending."""
        mine = frozenset(own) & self._counts.keys()
        return Part(mine, frozenset().union(*(self._needs[name] for name in mine)) - mine)

    def cut(self, own: Collection[str], most: int) -> list[Part]:
        """These services in at most so many parts of about as many revisions, those that are applied first counted."""
        owns: list[frozenset[str]] = [frozenset()] * most
        for name in sorted(own, key=lambda one: (-self._size(frozenset({one})), one)):
            sizes = [self._size(one | {name}) for one in owns]
            owns[sizes.index(min(sizes))] |= {name}
        return [self.of(one) for one in owns if one]

    def _size(self, own: frozenset[str]) -> int:
        return sum(self._counts[name] for name in self.of(own).applied)


def _direct(registry: Registry, todo: Sequence[Steps], names: Collection[str]) -> dict[str, set[str]]:
    needs = {name: set(others) for name, others in waits_to_show(registry, todo, names).items()}
    if in_order(registry, todo) != list(todo):
        # services take turns: which of two comes first is a matter of revisions
        for name, others in [(name, frozenset(others)) for name, others in needs.items()]:
            for other in others:
                needs[other].add(name)
    return needs


def _closed(direct: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
    """With what those need that are needed."""
    found: dict[str, frozenset[str]] = {}
    for name in direct:
        reached, new = {name}, [name]
        while new:
            more = set(direct[new.pop()]) - reached
            reached |= more
            new += more
        found[name] = frozenset(reached - {name})
    return found


def order_of(registry: Registry, todo: Sequence[Steps]) -> tuple[str, ...]:
    """Service and revision of each step, in the order in which an apply does them."""
    return tuple(
        f"{history.service} {revision.id}" for history, revisions in in_order(registry, todo) for revision in revisions
    )


def rehearse_part(
    ws: Workspace,
    conn: Connection,
    todo: Sequence[Steps],
    part: Part,
    ignored: frozenset[str],
    *,
    timeout: float = 0,
    watch: EndedTogether | None = None,
) -> Rehearsed:
    """Rehearse a part of these steps on the database of `conn`; an error is part of the answer."""
    mine = [(history, steps) for history, steps in todo if history.service in part.applied]
    grounds = [history for history, _ in todo]
    found: list[Rehearsal] = []
    failed, failure = "", None
    try:
        found.extend(rehearse(ws, conn, mine, ignored, timeout=timeout or None, grounds=grounds, watch=watch))
    except AegisError as error:
        failed, failure = next(iter(order_of(ws.registry, mine)[len(found) :]), ""), error
    return Rehearsed(tuple(one for one in found if one.service in part.own), failed, failure)


def put_together(
    order: Sequence[str], parts: Sequence[tuple[Sequence[R], str]], name: Callable[[R], str]
) -> tuple[list[R], str]:
    """The revisions of all parts in their order, up to the first that failed; and that one.

    `parts` are the revisions of each part and the one that failed there; `name` tells a revision as `order` has it.
    """
    place = {one: at for at, one in enumerate(order)}
    failed = min((one for _, one in parts if one), key=lambda one: place.get(one, -1), default="")
    end = place.get(failed, -1) if failed else len(order)
    every = sorted((one for found, _ in parts for one in found), key=lambda one: place[name(one)])
    return [one for one in every if place[name(one)] < end], failed


def name_of(rehearsal: Rehearsal) -> str:
    """A revision as `order_of` tells it."""
    return f"{rehearsal.service} {rehearsal.revision}"


def hidden_dependency(order: Sequence[str], parts: Sequence[tuple[Collection[str], Sequence[Rehearsal]]]) -> str:
    """Two revisions of which one may show otherwise after the other, which its part did not apply; in words, or empty.

    `parts` are the services that each part applied, and what it tells.
    """
    place = {one: at for at, one in enumerate(order)}
    for (applied, told), (others_applied, others_told) in combinations(parts, 2):
        here, there = _by_table(told), _by_table(others_told)
        for table in here.keys() & there.keys():
            for one, touched in here[table]:
                for other, also in there[table]:
                    first = place[name_of(one)] < place[name_of(other)]
                    if (one.service not in others_applied if first else other.service not in applied) and (
                        _alters(touched, also) if first else _alters(also, touched)
                    ):
                        pair = sorted((name_of(one), name_of(other)), key=lambda each: place[each])
                        return f"{' and '.join(pair)} both touch {table}"
    return ""


def _by_table(told: Sequence[Rehearsal]) -> dict[str, list[tuple[Rehearsal, Touched]]]:
    """By the name that tables had before all revisions: those that one of these made have none yet."""
    found: dict[str, list[tuple[Rehearsal, Touched]]] = {}
    for rehearsal in told:
        for touched in rehearsal.tables:
            if touched.origin:
                found.setdefault(touched.origin, []).append((rehearsal, touched))
    return found


def _alters(first: Touched, then: Touched) -> bool:
    """Whether what is done to a table first may show in what is told of it then."""
    if _rows_change(first) or STRENGTHS.index(first.lock) > STRENGTHS.index(_FOREIGN_KEY):
        return True
    if first.lock == _FOREIGN_KEY:
        return _rows_change(then) or STRENGTHS.index(then.lock) > STRENGTHS.index(_FOREIGN_KEY)
    return STRENGTHS.index(first.lock) > STRENGTHS.index("RowExclusiveLock")


def _rows_change(touched: Touched) -> bool:
    return bool(touched.rewritten or touched.dropped or touched.inserted or touched.updated or touched.deleted)
