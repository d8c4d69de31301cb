"""The order in which services migrate: `after` of the registry, and foreign keys found in the revisions."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from aegisdb.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History


def service_order(registry: Registry, histories: Mapping[str, History]) -> tuple[str, ...]:
    """Services with a history, each after what it needs; the registry's order otherwise.

    Raises:
        BadInput: services need each other in a circle; the message prints it with the reasons.
    """
    needs = {name: service_needs(registry, history) for name, history in histories.items()}
    placed: list[str] = []
    visiting: list[str] = []
    for name in registry.services:
        if name in histories:
            _place(name, needs, placed, visiting)
    return tuple(placed)


def _place(name: str, needs: Mapping[str, Mapping[str, str]], placed: list[str], visiting: list[str]) -> None:
    if name in placed:
        return
    if name in visiting:
        _raise_cycle([*visiting[visiting.index(name) :], name], needs)
    visiting.append(name)
    for needed in needs[name]:
        if needed in needs:
            _place(needed, needs, placed, visiting)
    visiting.pop()
    placed.append(name)


def _raise_cycle(cycle: list[str], needs: Mapping[str, Mapping[str, str]]) -> None:
    reasons = [f"{name} needs {needed} ({needs[name][needed]})" for name, needed in pairwise(cycle)]
    raise BadInput(
        f"services need each other in a circle: {' -> '.join(cycle)}",
        hint="; ".join(reasons) + ". Move one foreign key into a revision of the service that migrates last.",
        code="service_cycle",
    )


def service_needs(registry: Registry, history: History) -> dict[str, str]:
    """Services that must migrate before this one, each with the reason."""
    needs = dict.fromkeys(registry.services[history.service].after, "`after` in services.yaml")
    for table, file in history.summary.references.items():
        owner = registry.owners.of_table(table)
        if owner and owner != history.service:
            needs.setdefault(owner, f"{file} references {table}")
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
