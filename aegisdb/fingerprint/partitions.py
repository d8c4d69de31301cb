"""Partitions: which tables are some, of what, and which of them nobody's revision made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aegisdb.fingerprint.facts import Change, Fingerprint

_INHERITS = "inherits "
_KEYS = ("table ", "foreign table ")


def is_partition(facts: str) -> bool:
    """Whether these facts of a table are those of a partition."""
    return any(fact.startswith("partition ") and not fact.startswith("partition by ") for fact in facts.split("; "))


def parent_of(relation: str, *fingerprints: Fingerprint) -> str:
    """The relation of which this one is a partition; empty where it is none."""
    for found in fingerprints:
        for kind in _KEYS:
            facts = found.facts.get(f"{kind}{relation}", "")
            if facts and is_partition(facts):
                parents = next((f for f in facts.split("; ") if f.startswith(_INHERITS)), "")
                return parents.removeprefix(_INHERITS).removesuffix(" (detach pending)")
    return ""


def without_new_partitions(changes: Iterable[Change], expected: Fingerprint, live: Fingerprint) -> tuple[Change, ...]:
    """Leave out partitions that were made at run time, by whoever fills the table: they follow their parent.

    A partition that the histories make counts as any table does; so does a parent that they do not have.
    """
    known: dict[str, bool] = {}

    def is_new(relation: str) -> bool:
        if relation not in known:
            known[relation] = _is_new(relation, expected, live)
        return known[relation]

    return tuple(change for change in changes if not (change.kind == "added" and is_new(change.relation)))


def without_inherited(changes: Iterable[Change], found: Fingerprint) -> tuple[Change, ...]:
    """Leave out what changes in a partition because something of the same kind changes in the table above it."""
    listed = tuple(changes)
    changed = {(change.relation, _kind(change)) for change in listed}

    def is_inherited(change: Change) -> bool:
        parent = parent_of(change.relation, found)
        return bool(parent) and (parent, _kind(change)) in changed

    return tuple(change for change in listed if not is_inherited(change))


def _kind(change: Change) -> str:
    """The first word of an object; of a column all but its table."""
    kind, _, rest = change.object.partition(" ")
    return f"{kind} {rest.removeprefix(change.relation)}" if kind == "column" else kind


def _is_new(relation: str, expected: Fingerprint, live: Fingerprint) -> bool:
    if not relation or any(f"{kind}{relation}" in expected.facts for kind in _KEYS):
        return False
    seen = {relation}
    while parent := parent_of(relation, live):
        if "; partition by " in f"; {expected.facts.get(f'table {parent}', '')}":
            return True
        if parent in seen:
            break
        seen.add(parent)
        relation = parent
    return False
