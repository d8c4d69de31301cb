"""A collection beside a root task of its own name, such as `report` and `report.merge`.

Invoke refuses it when it is made, since the name alone would be the collection's default task. It is that here, too,
but it is listed once, as the root task that it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from invoke.collection import Collection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from invoke.tasks import Task


class _Beside(Collection):
    """The other tasks."""

    def __init__(self, alone: Task[Any], others: Iterable[Task[Any]]) -> None:
        super().__init__(alone.name, *others)
        self._alone = alone

    def task_with_config(self, name: str | None) -> Any:
        """Invoke's own, and the root task for the name alone."""
        return super().task_with_config(name) if name else (self._alone, self.configuration())


def add_beside(root: Collection, alone: Task[Any], others: Iterable[Task[Any]]) -> None:
    """Put the root task there, and the others below its name."""
    root.add_task(alone)
    root.collections[alone.name] = _Beside(alone, others)
