"""The fingerprint of a database: facts of every schema object under a stable, readable key."""

from __future__ import annotations

import hashlib
import re
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

    def built_by(self, other: str, *, instead_of: str) -> Fingerprint:
        """Tell the schema as the role `other` would have built it, which owns and grants where `instead_of` did."""
        if other == instead_of:
            return self
        names = _Renaming(instead_of, other)
        return Fingerprint(
            {names.key(key): names.facts(key, facts) for key, facts in self.facts.items()},
            {names.key(key): relation for key, relation in self.relations.items()},
        )


class _Renaming:
    """Replaces one role's name by another's where a fact or a key means the role."""

    def __init__(self, was: str, now: str) -> None:
        self._was, self._now = was, now
        self._owner = re.compile(rf"(^|; )owner {re.escape(was)}(?=;|$)")
        self._policy = re.compile(rf"(?<=; to ){re.escape(was)}(?=[;,]|$)")
        item = re.escape(_acl_name(was))
        self._grantee, self._grantor = re.compile(rf"^{item}="), re.compile(rf"/{item}$")

    def key(self, key: str) -> str:
        begin = f"{_DEFAULTS}{self._was}"
        same = key == begin or key.startswith(f"{begin} ")
        return f"{_DEFAULTS}{self._now}{key[len(begin) :]}" if same else key

    def facts(self, key: str, facts: str) -> str:
        if key.startswith((_GRANTS, _DEFAULTS)):
            name = _acl_name(self._now).replace("\\", r"\\")
            items = (self._grantor.sub(f"/{name}", item) for item in facts.split(", "))
            return ", ".join(sorted(self._grantee.sub(f"{name}=", item) for item in items))
        facts = self._owner.sub(lambda found: f"{found[1]}owner {self._now}", facts)
        return self._policy.sub(lambda _: self._now, facts) if key.startswith("policy ") else facts


def _acl_name(role: str) -> str:
    """Write a role's name as an aclitem does."""
    return role if re.fullmatch(r"\w+", role, re.ASCII) else '"' + role.replace('"', '""') + '"'


_FACT = re.compile(r"""((?:'(?:[^']|'')*'|"(?:[^"]|"")*"|(?!;\ ).)*)(?:;\ |$)""", re.VERBOSE | re.DOTALL)


def split(facts: str) -> list[str]:
    """The facts of an object, one by one; a semicolon in quotes separates nothing."""
    if "'" not in facts and '"' not in facts:
        return facts.split("; ")
    return [found[1] for found in _FACT.finditer(facts) if found[1]]


_GRANTS, _DEFAULTS = "grants on ", "default privileges of "

Kind = Literal["added", "removed", "changed", "reordered", "renamed"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """A schema object that differs.

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
        old, new = split(self.before), split(self.after)
        gone = "; ".join(fact for fact in old if fact not in new)
        come = "; ".join(fact for fact in new if fact not in old)
        return _excerpt(gone, come), _excerpt(come, gone)


_LONGEST = 240  # characters of one side: function bodies are long
_CONTEXT = 80


def _excerpt(text: str, other: str) -> str:
    """The part of a long text that differs from the other, with a little around it."""
    if len(text) <= _LONGEST:
        return text or "nothing"
    same = next((i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), min(len(text), len(other)))
    start = max(0, same - _CONTEXT)
    return f"{'...' if start else ''}{text[start : start + _LONGEST]}..."
