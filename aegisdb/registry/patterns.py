"""Shell patterns by their text before the first wildcard: which of them fit a name is found without trying all."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Generic, TypeVar

T = TypeVar("T")

_WILDCARD = re.compile(r"[*?\[]")


class Patterns(Generic[T]):
    """Something for each pattern, such as whose it is."""

    def __init__(self) -> None:
        self._by_start: dict[str, list[tuple[str | None, T]]] = {}
        """Text before the first wildcard to the patterns that begin so; None where a pattern asks no more than that."""
        self._lengths: list[int] = []
        """Lengths of the starts, each once: most names are looked up by one or two of their own beginnings."""

    def add(self, pattern: str, what: T) -> None:
        """Note what this pattern stands for."""
        wildcard = _WILDCARD.search(pattern)
        start = pattern[: wildcard.start()] if wildcard else pattern
        self._by_start.setdefault(start, []).append((None if pattern == f"{start}*" else pattern, what))
        if len(start) not in self._lengths:
            self._lengths.append(len(start))

    def fitting(self, name: str) -> list[T]:
        """The values of the patterns that fit a name."""
        return [
            what
            for length in self._lengths
            if length <= len(name)
            for pattern, what in self._by_start.get(name[:length], ())
            if pattern is None or pattern == name or fnmatchcase(name, pattern)
        ]
