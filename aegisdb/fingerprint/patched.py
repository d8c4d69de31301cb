"""A mapping that is another one but for some keys: made without a copy of it, and compared by these keys alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FEW = 200
"""A patch of more keys is merged with what it is about,"""
_ONE_IN = 16
"""unless that has so many times as many."""
_UNPATCHED = object()


class Patched(Mapping[str, str]):
    """Texts by key; neither it nor what it is made of is changed once it is made."""

    __slots__ = ("base", "patch")

    def __init__(self, base: Mapping[str, str], patch: Mapping[str, str | None] | None = None) -> None:
        """Read the base but for the keys of `patch`, where None is for one that is gone."""
        self.base = base
        self.patch = patch or {}

    def but(self, gone: Iterable[str], new: Mapping[str, str]) -> Patched:
        """Return this without some keys, and then with others."""
        patch = {**self.patch, **dict.fromkeys(gone), **new}
        if len(patch) <= max(_FEW, len(self.base) // _ONE_IN):
            return Patched(self.base, patch)
        return Patched({key: text for key, text in {**self.base, **patch}.items() if text is not None})

    def differing(self, other: Mapping[str, str]) -> list[str] | None:
        """Name the keys whose texts differ; None where both are not made from one mapping."""
        if not isinstance(other, Patched) or other.base is not self.base:
            return None
        candidates = {key for key, _ in self.patch.items() ^ other.patch.items()}
        return [key for key in candidates if self.get(key) != other.get(key)]

    def __getitem__(self, key: str) -> str:
        found = self.patch.get(key, _UNPATCHED)
        if found is None:
            raise KeyError(key)
        return self.base[key] if found is _UNPATCHED else found  # type: ignore[return-value]

    def __contains__(self, key: object) -> bool:
        return self.patch[key] is not None if key in self.patch else key in self.base  # type: ignore[index]

    def __iter__(self) -> Iterator[str]:
        patch = self.patch
        yield from (key for key in self.base if key not in patch)
        yield from (key for key, text in patch.items() if text is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)
