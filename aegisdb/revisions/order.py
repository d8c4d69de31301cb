"""The order in which services migrate: `after` of the registry, and foreign keys found in the revisions."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from aegisdb.errors import BadInput
from aegisdb.revisions.sequence import by_foreign_keys, declared, joined, sequence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.revisions.sequence import Waits

_AFTER = "`after` in services.yaml"


def service_order(registry: Registry, histories: Mapping[str, History]) -> tuple[str, ...]:
    """Services with a history, each after what it needs; the registry's order otherwise.

    Where services need each other, their revisions need not: `waits` has the order of these.

    Raises:
        BadInput: revisions need each other in a circle, or `after` of services.yaml does; the message prints it.
    """
    needs = {name: service_needs(registry, history) for name, history in histories.items()}
    placed, circles = _placed(registry, needs)
    for circle in circles:
        if all(needs[name][needed] == _AFTER for name, needed in pairwise(circle)):
            _raise_circle(circle, needs)
    order = tuple(placed)
    if circles:
        first = waits(registry, histories)
        try:
            sequence([(histories[name], histories[name].ordered()) for name in order], first)
        except BadInput:
            _raise_circle(circles[0], needs)
    return order


def waits(registry: Registry, histories: Mapping[str, History]) -> Waits:
    """What each revision waits for besides those below it; empty where the order of services is enough."""
    required = declared(registry, histories)
    needs = {name: service_needs(registry, history) for name, history in histories.items()}
    if not _placed(registry, needs)[1]:
        return required
    return joined(required, by_foreign_keys(registry, histories))


def _placed(registry: Registry, needs: Mapping[str, Mapping[str, str]]) -> tuple[list[str], list[list[str]]]:
    """Services in order, and the circles that there are, each left where it closes."""
    placed: dict[str, None] = {}  # in this order; a thousand services are looked up in it at each step
    circles: list[list[str]] = []
    for name in registry.services:
        if name in needs:
            _place(name, needs, placed, [], circles)
    return list(placed), circles


def _place(
    name: str,
    needs: Mapping[str, Mapping[str, str]],
    placed: dict[str, None],
    visiting: list[str],
    circles: list[list[str]],
) -> None:
    if name in placed:
        return
    if name in visiting:
        circles.append([*visiting[visiting.index(name) :], name])
        return
    visiting.append(name)
    for needed in needs[name]:
        if needed in needs:
            _place(needed, needs, placed, visiting, circles)
    visiting.pop()
    placed[name] = None


def _raise_circle(circle: list[str], needs: Mapping[str, Mapping[str, str]]) -> None:
    reasons = [f"{name} needs {needed} ({needs[name][needed]})" for name, needed in pairwise(circle)]
    raise BadInput(
        f"services need each other in a circle: {' -> '.join(circle)}",
        hint="; ".join(reasons) + ". Move one foreign key into a later revision.",
        code="service_cycle",
    )


def service_needs(registry: Registry, history: History) -> dict[str, str]:
    """Services that must migrate before this one, each with the reason."""
    needs = dict.fromkeys(registry.services[history.service].after, _AFTER)
    for table, file in history.summary.references.items():
        owner = registry.owners.of_table(table)
        if owner and owner != history.service:
            needs.setdefault(owner, f"{file} references {table}")
    for identifier, words in history.summary.requires.items():
        for word in words:
            needs.setdefault(word.partition("@")[0], f"{identifier} requires {word}")
    return needs


def all_needs(registry: Registry, histories: Mapping[str, History], name: str) -> frozenset[str]:
    """Services with a history that this one needs, directly or not."""
    found: set[str] = set()
    todo = [name]
    while todo:
        new = (set(service_needs(registry, histories[todo.pop()])) & histories.keys()) - found
        found |= new
        todo += new
    return frozenset(found - {name})
