"""The order of revisions of several services: that of services, but a revision waits for those of others that it needs.

What it needs is said by `requires` in its file; where services need each other in a circle, by its foreign keys; and by
the journal of a database in which they ran.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from aegisdb.errors import BadInput, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision

    Step = tuple[str, str]  # service, revision
    Steps = tuple[History, tuple[Revision, ...]]
    Waits = Mapping[Step, Collection[Step]]
    """What must be applied before a step, besides the revisions below it."""

_CREATES = re.compile(
    r"""\bcreate_table\(\s*["']([\w$]+)["']"""
    r"""|\bCREATE\s+(?:UNLOGGED\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:"?[\w$]+"?\.)?"?([\w$]+)""",
    re.IGNORECASE,
)


def sequence(todo: Sequence[Steps], first: Waits) -> list[Steps]:
    """The steps in the order of their services, where one that waits lets the next services go ahead.

    Raises:
        BadInput: revisions need each other in a circle, which the message prints.
    """
    if not first:
        return list(todo)
    left = [(history, list(steps)) for history, steps in todo]
    open_steps = {(history.service, revision.id) for history, steps in todo for revision in steps}
    listed: list[tuple[History, list[Revision]]] = []
    while open_steps:
        history, steps = _next(left, first, open_steps)
        revision = steps.pop(0)
        open_steps.discard((history.service, revision.id))
        if not listed or listed[-1][0] is not history:
            listed.append((history, []))
        listed[-1][1].append(revision)
    return [(history, tuple(steps)) for history, steps in listed]


def _next(
    left: list[tuple[History, list[Revision]]], first: Waits, open_steps: set[Step]
) -> tuple[History, list[Revision]]:
    blocked: dict[str, tuple[Step, Step]] = {}
    for history, steps in left:
        if not steps:
            continue
        step = (history.service, steps[0].id)
        awaited = next((other for other in first.get(step, ()) if other in open_steps), None)
        if awaited is None:
            return history, steps
        blocked[history.service] = (step, awaited)
    raise _circle(blocked)


def _circle(blocked: Mapping[str, tuple[Step, Step]]) -> BadInput:
    """Every service waits: go from each to the one that it waits for, until one comes again."""
    way = [next(iter(blocked))]
    while way[-1] not in way[:-1]:
        way.append(blocked[way[-1]][1][0])
    way = way[way.index(way[-1]) :]
    reasons = [
        f"{' '.join(blocked[name][0])} needs {' '.join(blocked[name][1])}, which comes after"
        f" {' '.join(blocked[other][0])}"
        for name, other in pairwise(way)
    ]
    return BadInput(
        f"services need each other in a circle: {' -> '.join(way)}, and so do their revisions",
        hint="; ".join(reasons) + ". Move one foreign key into a later revision.",
        code="service_cycle",
    )


def declared(registry: Registry, histories: Mapping[str, History]) -> dict[Step, tuple[Step, ...]]:
    """What revisions say under `requires`, as far as it is of these histories.

    Raises:
        BadInput: a word of it names no revision of another service.
    """
    return {
        (name, identifier): tuple(
            step for word in words for step in _required(registry, histories, history, identifier, word)
        )
        for name, history in histories.items()
        for identifier, words in history.summary.requires.items()
    }


def _required(
    registry: Registry, histories: Mapping[str, History], history: History, identifier: str, word: str
) -> tuple[Step, ...]:
    service, _, revision = word.partition("@")
    known = service in registry.services and service != history.service
    try:
        if known and revision not in {"", "head", "heads", "base"}:
            return (
                tuple((service, found) for found in histories[service].resolve(revision))
                if service in histories
                else ()
            )
        reason = f"there is no revision of another service called {word!r}"
    except UsageError as error:
        reason = error.message
    where = history.revisions[identifier]
    raise BadInput(
        f"{where.path.name}: `requires`: {reason}",
        where=f"{where.path}:{where.line}",
        hint='write "service@revision", with the id of a revision',
        code="requires",
    )


def by_foreign_keys(registry: Registry, histories: Mapping[str, History]) -> dict[Step, tuple[Step, ...]]:
    """For each revision whose foreign keys point at tables of other services: the revisions that make these tables."""
    makers: dict[Step, str] = {}
    for name, history in histories.items():
        for revision in history.ordered():
            for found in _CREATES.finditer(revision.source):
                makers.setdefault((name, found[1] or found[2]), revision.id)
    waits: dict[Step, tuple[Step, ...]] = {}
    for name, history in histories.items():
        for revision in history.ordered():
            if needed := tuple(_made(registry, name, revision, makers)):
                waits[name, revision.id] = needed
    return waits


def _made(registry: Registry, service: str, revision: Revision, makers: Mapping[Step, str]) -> Iterator[Step]:
    for table in revision.references:
        owner = registry.owners.of_table(table)
        made = makers.get((owner, table.rpartition(".")[2]))
        if owner != service and made is not None:
            yield owner, made


def joined(*every: Waits) -> dict[Step, tuple[Step, ...]]:
    """Several reasons to wait as one."""
    found: dict[Step, tuple[Step, ...]] = {}
    for waits in every:
        for step, others in waits.items():
            found[step] = (*found.get(step, ()), *others)
    return found
