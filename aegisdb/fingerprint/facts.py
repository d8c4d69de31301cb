"""The fingerprint of a database: facts of every schema object under a stable, readable key."""

from __future__ import annotations

import hashlib
from dataclasses import field
from typing import TYPE_CHECKING, Literal

from aegisdb.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Fingerprint:
    """Every schema object of one database at one moment.

    Two databases with the same fingerprint have the same schema, wherever they are and whatever they are called.
    """

    facts: Mapping[str, str]
    """Key (`column public.skills.priority`) to facts (`integer; not null; default 0`), one line each."""
    relations: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Key to the relation that the object hangs on (`public.skills`); a table hangs on itself."""

    @property
    def text(self) -> str:
        """The canonical text: one line an object, sorted."""
        return "".join(f"{key}: {facts}\n" for key, facts in sorted(self.facts.items()))

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical text, in hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def only(self, wanted: Callable[[str], bool]) -> Fingerprint:
        """The part whose keys are wanted."""
        return Fingerprint({key: facts for key, facts in self.facts.items() if wanted(key)}, self.relations)


Kind = Literal["added", "removed", "changed", "reordered", "renamed"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One schema object that differs.

    `reordered` is for the columns of a table that exist on both sides in another relative order: the one thing
    that PostgreSQL cannot undo (a dropped column that comes back comes last), so it is a remark and not a fault.
    `renamed` is for a NOT NULL that only has another name, and both names are PostgreSQL's own (from 18): it names the
    constraint after the column as it is called at that moment, and keeps the name. It is a remark as well.
    """

    kind: Kind
    object: str
    before: str = ""
    after: str = ""
    relation: str = ""
    """The relation that it hangs on, empty for none."""

    @property
    def is_remark(self) -> bool:
        """Whether it is worth knowing and not wrong."""
        return self.kind in {"reordered", "renamed"}

    def __str__(self) -> str:
        """One line, with only the facts that differ: `changed column public.skills.priority: default 0 -> nothing`."""
        if self.kind == "added":
            return f"added {self.object}: {self.after}"
        if self.kind == "removed":
            return f"removed {self.object}: {self.before}"
        gone, come = self.sides()
        return f"{self.kind} {self.object}: {gone} -> {come}"

    def sides(self) -> tuple[str, str]:
        """The facts before that are no facts after, and the other way round; "nothing" for none."""
        old, new = self.before.split("; "), self.after.split("; ")
        gone = "; ".join(fact for fact in old if fact not in new)
        come = "; ".join(fact for fact in new if fact not in old)
        return _excerpt(gone, come), _excerpt(come, gone)


_LONGEST = 240  # characters of one side: function bodies are long
_CONTEXT = 80


def _excerpt(text: str, other: str) -> str:
    """Where a long text differs from the other, with a little around it."""
    if len(text) <= _LONGEST:
        return text or "nothing"
    same = next((i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), min(len(text), len(other)))
    start = max(0, same - _CONTEXT)
    return f"{'...' if start else ''}{text[start : start + _LONGEST]}..."
