"""The models without what later revisions do, and what autogenerate is not to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.fingerprint import Fingerprint
from aegisdb.fingerprint.keys import relation_name

if TYPE_CHECKING:
    from aegisdb.fingerprint import Change


class Staged:
    """What the revision before the steps leads to."""

    def __init__(self, head: Fingerprint, models: Fingerprint) -> None:
        self.head = head
        self.models = models
        self.operations: list[tuple[str, str, str]] = []
        """Kind, table and name."""
        self.done: set[str] = set()
        """Keys of which a form took care."""
        self._facts = dict(models.facts)
        self._relations = dict(models.relations)

    def left(self) -> Fingerprint:
        """The models, without it."""
        return Fingerprint(self._facts, self._relations)

    def instead(self, key: str, facts: str) -> None:
        """Let these be the facts of an object."""
        self._facts[key] = facts

    def without(self, key: str) -> str:
        """Leave an object out; returns its facts, empty where there is none."""
        self.done.add(key)
        return self._facts.pop(key, "")

    def as_before(self, key: str) -> None:
        """Keep an object as it is at head."""
        self.done.add(key)
        self._facts[key] = self.head.facts[key]
        self._relations[key] = self.head.relations.get(key, "")

    def take_back(self, change: Change) -> None:
        """Leave a change out."""
        if change.kind == "added":
            self.without(change.object)
        else:
            self.as_before(change.object)

    def later(self, kind: str, relation: str, name: str) -> None:
        """Keep autogenerate from an operation."""
        self.operations.append((kind, relation_name(relation).name if relation else "", name))
