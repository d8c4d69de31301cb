"""Alembic's keeper of the version table, where a step moves it by a statement of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.runtime.migration import HeadMaintainer

if TYPE_CHECKING:
    from .stepper import Stepper


class Heads(HeadMaintainer):
    """Leaves the version table to the statement that ends a step, where that does the same in less time."""

    def __init__(self, stepper: Stepper, context: Any, heads: Any) -> None:
        super().__init__(context, heads)
        self._stepper = stepper

    def _insert_version(self, version: str) -> None:
        if not self._moved("", version):
            super()._insert_version(version)

    def _delete_version(self, version: str) -> None:
        if not self._moved(version, ""):
            super()._delete_version(version)

    def _update_version(self, from_: str, to_: str) -> None:
        to = self._stepper.landing(to_)
        if not to:
            self._delete_version(from_)
        elif not self._moved(from_, to):
            super()._update_version(from_, to)

    def _moved(self, old: str, new: str) -> bool:
        if not self._stepper.takes_moves(self.context):
            return False
        self._stepper.move(old, new)
        self.heads = (self.heads - {old}) | ({new} if new else set())
        return True
