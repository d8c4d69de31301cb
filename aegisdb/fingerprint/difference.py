"""The difference of two fingerprints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aegisdb.fingerprint.facts import Change
from aegisdb.fingerprint.patched import Patched

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.fingerprint.facts import Fingerprint

_COLUMN_ORDER = "column order "
_NAMED = re.compile(
    r"""((?:^|;\ )not\ null)\ named\ (?: "(?:[^"]|"")*_not_null\d*" | [^\ ";]*_not_null\d* )""", re.VERBOSE
)
"""NOT NULL with a name as PostgreSQL gives it, also to a column that had another name then."""
_RELATIONS = ("table", "view", "materialized view", "foreign table")


def diff(before: Fingerprint, after: Fingerprint) -> tuple[Change, ...]:
    """Every object that was added, removed or changed, sorted by key."""
    changes = (_change(key, before, after) for key in sorted(_differing(before.facts, after.facts)))
    return tuple(change for change in changes if change is not None)


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    found = after.differing(before) if isinstance(after, Patched) else None
    if found is not None:
        return found
    if before == after:
        return []
    new = (key for key, facts in after.items() if before.get(key) != facts)
    return [*new, *(before.keys() - after.keys())]


def _change(key: str, before: Fingerprint, after: Fingerprint) -> Change | None:
    old, new = before.facts.get(key), after.facts.get(key)
    relation = before.relations.get(key) or after.relations.get(key, "")
    if key.startswith(_COLUMN_ORDER):
        return _reordered(key, old, new, relation)
    if old is None:
        return Change(kind="added", object=key, after=new or "", relation=relation)
    if new is None:
        return Change(kind="removed", object=key, before=old, relation=relation)
    renamed = key.startswith("column ") and _NAMED.sub(r"\1", old) == _NAMED.sub(r"\1", new)
    return Change(kind="renamed" if renamed else "changed", object=key, before=old, after=new, relation=relation)


def _reordered(key: str, old: str | None, new: str | None, relation: str) -> Change | None:
    """Columns that came or went have their own lines; only those on both sides can change places."""
    if old is None or new is None:
        return None
    was, now = old.split(", "), new.split(", ")
    both = set(was) & set(now)
    if [name for name in was if name in both] == [name for name in now if name in both]:
        return None
    return Change(kind="reordered", object=key, before=old, after=new, relation=relation)


def without_parts(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Leave out the columns, indexes and so on of a relation that came or went as a whole."""
    whole = {(c.kind, c.relation) for c in changes if c.relation and c.kind in {"added", "removed"} and _is_relation(c)}
    return tuple(c for c in changes if (c.kind, c.relation) not in whole or _is_relation(c))


def _is_relation(change: Change) -> bool:
    return change.object in {f"{kind} {change.relation}" for kind in _RELATIONS}
