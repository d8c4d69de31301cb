"""What protects a target: `protected: true` is about a database, whichever target leads there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aegisdb.registry.kinds import Target


def protecting(targets: Mapping[str, Target], name: str) -> str:
    """The target with `protected: true` that this one is, or whose database it leads to; empty for none.

    Databases are compared by host, port and name, as far as services.yaml and the environment tell them.
    """
    target = targets[name]
    if target.protected:
        return name
    guarded = {other: one for other, one in targets.items() if one.protected}
    return next(of_same_database(guarded, target), "") if guarded else ""


def of_same_database(targets: Mapping[str, Target], target: Target) -> Iterator[str]:
    """Name those of the targets that lead to the database of this one."""
    there = target.places()
    return (name for name, other in targets.items() if there & other.places())


def as_protected(targets: Mapping[str, Target], name: str) -> Target:
    """The target, which is protected where its database is."""
    target = targets[name]
    return replace(target, protected=True) if protecting(targets, name) and not target.protected else target
