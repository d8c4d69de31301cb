"""Which objects outside of tables a service's revision may touch; for the worker and for the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_DROPS = ("Drop", "Remove", "Delete")


class OwnObjects:
    """Schema and name of what stands on its own: the service's `own`, what `others` have, and what is `nobody`'s."""

    def __init__(self, objects: dict[str, Any]) -> None:
        self._own, self._others, self._nobodys = (
            {tuple(name) for name in objects[whose]} for whose in ("own", "others", "nobody")
        )

    def may(self, names: Iterable[tuple[str, str]], *, drop: bool) -> bool:
        """Whether an operation may touch these: what is nobody's may be made anew by whom it is declared by."""
        foreign = self._others | self._nobodys if drop else self._others
        return not any(_among(name, foreign) and not _among(name, self._own) for name in names)


def is_drop(operation: Any) -> bool:
    """Whether an operation drops something, by the name of its class: extensions of Alembic have their own."""
    return type(operation).__name__.startswith(_DROPS)


def _among(name: tuple[str, str], names: set[tuple[str, ...]]) -> bool:
    # an extension is in no schema, whatever schema its members are in
    return name in names or ("", name[1]) in names
