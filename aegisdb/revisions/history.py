"""Histories: a service's revisions as data, and pure arithmetic over them. No database, no env.py, nothing imported."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING, overload

from aegisdb.errors import UsageError
from aegisdb.fast_dataclass import dataclass
from aegisdb.plain_text import number_of
from aegisdb.revisions.summary import summarized

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from aegisdb.revisions.locations import Locations
    from aegisdb.revisions.parse import Revision
    from aegisdb.revisions.summary import Kept, Summary

_RELATIVE = re.compile(r"^(?P<base>.*?)(?P<sign>[+-])(?P<count>\d+)$")
DEFAULT_VERSION_TABLE = "alembic_version"


@dataclass(frozen=True)
class History:
    """All revisions of one service, proven to be a graph without gaps and cycles."""

    service: str
    version_table: str
    schema: str | None
    locations: Locations
    revisions: Mapping[str, Revision]
    """Revision id to revision, parents before children."""
    known_heads: tuple[str, ...] | None = None
    """What `heads` says, where that is known without looking at the revisions."""
    kept: Kept | None = None
    beside: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Directory of revisions to the other names in it, which are not looked at."""
    listing: str = ""
    """What changes with any of its files, and with what their ids rest on; empty where one may change without it."""

    @cached_property
    def _children(self) -> dict[str, tuple[str, ...]]:
        children: dict[str, tuple[str, ...]] = {}
        for revision in self.revisions.values():
            for parent in revision.parents:
                children[parent] = (*children.get(parent, ()), revision.id)
        return children

    @cached_property
    def _parents(self) -> dict[str, tuple[str, ...]]:
        return {identifier: revision.parents for identifier, revision in self.revisions.items()}

    @cached_property
    def heads(self) -> tuple[str, ...]:
        """Revisions that no other one revises (a dependency does not count, as in Alembic)."""
        if self.known_heads is not None:
            return self.known_heads
        revised = {parent for revision in self.revisions.values() for parent in revision.down}
        return tuple(identifier for identifier in self.revisions if identifier not in revised)

    @cached_property
    def summary(self) -> Summary:
        """The summary of all revisions."""
        return self.kept.summary if self.kept is not None else summarized(self.revisions.values())

    @property
    def phases(self) -> Mapping[str, str]:
        """By id, for those that say `phase`."""
        return self.kept.phases if self.kept is not None else self.summary.phases

    @cached_property
    def bases(self) -> tuple[str, ...]:
        """Revisions without a parent."""
        return tuple(identifier for identifier, revision in self.revisions.items() if not revision.down)

    def ordered(self) -> tuple[Revision, ...]:
        """Every revision, parents before children."""
        return tuple(self.revisions.values())

    def ancestors(self, ids: Iterable[str]) -> frozenset[str]:
        """The given revisions and everything below them; ids that are not here are left out."""
        return self._reach(ids, self._parents)

    def descendants(self, ids: Iterable[str]) -> frozenset[str]:
        """The given revisions and everything above them."""
        return self._reach(ids, self._children)

    def _reach(self, ids: Iterable[str], edges: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
        seen: set[str] = set()
        todo = [identifier for identifier in ids if identifier in self.revisions]
        while todo:
            identifier = todo.pop()
            if identifier not in seen:
                seen.add(identifier)
                todo.extend(edges.get(identifier, ()))
        return frozenset(seen)

    def unknown(self, applied: Iterable[str]) -> tuple[str, ...]:
        """Rows of the version table that no file here explains."""
        rows = tuple(applied)
        if set(rows) <= set(self.heads):
            return ()  # without a look at the revisions
        return tuple(identifier for identifier in rows if identifier not in self.revisions)

    def pending(self, applied: Iterable[str], to: str = "") -> tuple[Revision, ...]:
        """The revisions that an upgrade would run, in order; up to `to` where it is given."""
        rows = tuple(applied)
        if set(self.heads) <= set(rows) and not to:
            return ()
        done = self.ancestors(rows)
        wanted = self.ancestors(self.resolve(to, rows)) if to else frozenset(self.revisions)
        return tuple(r for r in self.revisions.values() if r.id in wanted and r.id not in done)

    def path_down(self, applied: Iterable[str], *, steps: int = 1, to: str = "") -> tuple[Revision, ...]:
        """What a rollback would revert, in order: `steps` revisions, or everything above `to`.

        Raises:
            UsageError: `to` is not applied, fewer than `steps` are applied, or two heads make a step ambiguous.
        """
        rows = tuple(applied)
        done = self.ancestors(rows)
        newest_first = [r for r in reversed(self.ordered()) if r.id in done]
        if to:
            return self._path_down_to(self.resolve(to, rows), done, newest_first)
        if len(rows) > 1:
            raise UsageError(
                f"{self.service} has {len(rows)} heads applied ({', '.join(rows)}), so a number of steps is ambiguous",
                hint="say how far with --to REV",
            )
        if steps > len(newest_first):
            raise UsageError(f"{self.service} has {number_of(len(newest_first), 'revision')} applied, not {steps}")
        return tuple(newest_first[:steps])

    def _path_down_to(
        self, bottom: tuple[str, ...], done: frozenset[str], newest_first: list[Revision]
    ) -> tuple[Revision, ...]:
        for identifier in bottom:
            if identifier not in done:
                raise UsageError(
                    f"{self.service}: {identifier} is not applied, so nothing can be rolled back to it",
                    hint=f"see invoke migrate.history --service {self.service}",
                )
        above = self.descendants(bottom) - set(bottom) if bottom else frozenset(self.revisions)
        return tuple(r for r in newest_first if r.id in above)

    def after(self, applied: Iterable[str], revision: str, *, up: bool) -> tuple[str, ...]:
        """Rows of the version table after one step: the topmost of what is applied then."""
        rows, parents = tuple(applied), self._parents.get(revision)
        if parents is not None and len(parents) <= 1 and rows == (parents if up else (revision,)):
            return (revision,) if up else parents  # without a look at all that is below
        done = self.ancestors(rows)
        return self.topmost(done | {revision} if up else done - {revision})

    def topmost(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Keep what none of the others revises or depends on, in order: the rows that say the same as all of them.

        Alembic keeps no row of a revision on which another applied one depends, though it is a head.
        """
        now = self.ancestors(ids)
        covered = {parent for identifier in now for parent in self._parents[identifier]}
        return tuple(sorted(now - covered))

    def line(self, ids: Iterable[str]) -> frozenset[str]:
        """The given revisions and everything that they revise; what they only depend on is left out."""
        return self._reach(ids, {identifier: revision.down for identifier, revision in self.revisions.items()})

    def beside_rows(self, before: Iterable[str], after: Iterable[str]) -> tuple[str, ...]:
        """Rows of before that may stay beside those of after: others depend on them, and none revises them."""
        rows = tuple(after)
        stay = [row for row in before if row not in rows]
        if len(rows) == 1 and rows[0] in self.revisions:  # most often one of the two revises the other
            (one,) = rows
            stay = [
                row for row in stay if row not in self.revisions[one].down and one not in self._parents.get(row, ())
            ]
        return tuple(row for row in stay if row in self.ancestors(rows) - self.line(rows)) if stay else ()

    def is_at_head(self, applied: Iterable[str]) -> bool:
        """Whether these rows of the version table say that every revision is applied, and nothing else."""
        rows, heads = set(applied), set(self.heads)
        return rows == heads or (rows <= self.revisions.keys() and heads <= self.ancestors(rows))

    def resolve(self, text: str, applied: Iterable[str] = ()) -> tuple[str, ...]:
        """Revision ids for what a person types: `head`, `base`, an abbreviation, `label@head`, `+1`, `REV-2`.

        Raises:
            UsageError: nothing or more than one revision fits, with the candidates.
        """
        if text in {"head", "heads", ""}:
            return self.heads
        if text == "base":
            return ()
        if text in self.revisions:
            return (text,)
        relative = _RELATIVE.match(text)
        if relative:
            return self._relative(relative["base"], int(relative["sign"] + relative["count"]), tuple(applied))
        label, _, rest = text.rpartition("@")
        if label or text in self._labels:
            return self._in_branch(label or text, rest if label else "head")
        return (self._abbreviated(text),)

    @cached_property
    def _labels(self) -> dict[str, str]:
        return {label: revision.id for revision in self.revisions.values() for label in revision.labels}

    def _in_branch(self, label: str, rest: str) -> tuple[str, ...]:
        if label not in self._labels:
            raise UsageError(f"{self.service} has no branch label {label!r}")
        if rest in {"head", "heads"}:  # what only depends on the branch is not in it
            return tuple(head for head in self.heads if self._labels[label] in self.line((head,)))
        return self.resolve(rest)

    def _abbreviated(self, text: str) -> str:
        found = [identifier for identifier in self.revisions if identifier.startswith(text)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{text!r} fits several revisions of {self.service}: {', '.join(found)}")
        raise UsageError(
            f"{self.service} has no revision {text!r}", hint=f"see invoke migrate.history --service {self.service}"
        )

    def _relative(self, start: str, count: int, applied: tuple[str, ...]) -> tuple[str, ...]:
        here = self.resolve(start, applied) if start else applied
        for _ in range(abs(count)):
            here = self._one_up(here) if count > 0 else self._one_down(here)
        return here

    def _one_up(self, here: tuple[str, ...]) -> tuple[str, ...]:
        above = tuple(dict.fromkeys(c for i in here for c in self._children.get(i, ()))) if here else self.bases
        if len(above) != 1:
            raise UsageError(f"{self.service}: one step up from {_named(here)} leads to {_named(above)}")
        return above

    def _one_down(self, here: tuple[str, ...]) -> tuple[str, ...]:
        if len(here) != 1:
            raise UsageError(f"{self.service}: one step down from {_named(here)} is ambiguous")
        return self.revisions[here[0]].down


def _named(ids: tuple[str, ...]) -> str:
    return ", ".join(ids) if ids else "nowhere"


class Everything(Sequence["Revision"]):
    """All revisions of a history, in order; counting them does not read them."""

    def __init__(self, history: History) -> None:
        self._history = history

    @overload
    def __getitem__(self, index: int) -> Revision: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Revision, ...]: ...

    def __getitem__(self, index: int | slice) -> Revision | tuple[Revision, ...]:
        return self._history.ordered()[index]

    def __iter__(self) -> Iterator[Revision]:
        return iter(self._history.ordered())

    def __len__(self) -> int:
        return len(self._history.revisions)
