"""Services by the names that they own, found without trying every pattern of every service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aegisdb.registry.patterns import Patterns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Claims(Protocol):
    """The patterns of a service's own objects."""

    @property
    def schema(self) -> str | None:
        """A schema of its own, where it has one."""

    @property
    def owns(self) -> Iterable[str]:
        """Names and patterns of tables."""


class Owners:
    """`owns` and `schema` of all services."""

    def __init__(self, services: Mapping[str, Claims]) -> None:
        self._place = {name: place for place, name in enumerate(services)}
        self._schemas: dict[str, list[str]] = {}
        self._patterns: Patterns[str] = Patterns()
        for service, settings in services.items():
            if settings.schema:
                self._schemas.setdefault(settings.schema, []).append(service)
            for pattern in settings.owns:
                self._patterns.add(pattern, service)

    def of_table(self, table: str) -> str:
        """The first service whose `owns` fits a table's name (`schema.name` or `name`), empty when none does."""
        schema, _, name = table.rpartition(".")
        found = [*self._schemas.get(schema, ()), *self._patterns.fitting(name)]
        if schema:
            found += self._patterns.fitting(table)
        return min(found, key=self._place.__getitem__, default="")

    def of_word(self, word: str) -> frozenset[str]:
        """Every service that may be meant by a name in a text: its schema, or something that it owns."""
        return frozenset((*self._schemas.get(word, ()), *self._patterns.fitting(word)))
