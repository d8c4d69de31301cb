"""Services by the names that they own, found without trying every pattern of every service."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aegisdb.registry.types import Service

_WILDCARD = re.compile(r"[*?\[]")


class Owners:
    """`owns` and `schema` of all services: literal names at once, patterns by their text before the first wildcard."""

    def __init__(self, services: Mapping[str, Service]) -> None:
        self._place = {name: place for place, name in enumerate(services)}
        self._schemas: dict[str, list[str]] = {}
        self._patterns: dict[str, list[tuple[str, str]]] = {}
        for service, settings in services.items():
            if settings.schema:
                self._schemas.setdefault(settings.schema, []).append(service)
            for pattern in settings.owns:
                wildcard = _WILDCARD.search(pattern)
                start = pattern[: wildcard.start()] if wildcard else pattern
                self._patterns.setdefault(start, []).append((service, pattern))
        self._longest = max(map(len, self._patterns), default=0)

    def of_table(self, table: str) -> str:
        """The first service whose `owns` fits a table's name (`schema.name` or `name`), empty when none does."""
        schema, _, name = table.rpartition(".")
        found = [*self._schemas.get(schema, ()), *self._fitting(name), *self._fitting(table)]
        return min(found, key=self._place.__getitem__, default="")

    def of_word(self, word: str) -> frozenset[str]:
        """Every service that may be meant by a name in a text: its schema, or something that it owns."""
        return frozenset((*self._schemas.get(word, ()), *self._fitting(word)))

    def _fitting(self, name: str) -> Iterator[str]:
        for end in range(min(len(name), self._longest) + 1):
            for service, pattern in self._patterns.get(name[:end], ()):
                if pattern == name or fnmatchcase(name, pattern):
                    yield service
