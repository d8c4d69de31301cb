"""Renames and changes of types: what hangs on the column, and when there are no steps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.fingerprint.keys import column_name, parse
from aegisdb.forms.constraints import WITHOUT_OVERLAPS
from aegisdb.forms.indexes import guarded
from aegisdb.forms.renames import renamed
from aegisdb.forms.step import unquoted
from aegisdb.forms.two_columns import mentions, pointed_at
from aegisdb.forms.types import Hanging, retyped
from aegisdb.models.fact_parts import definition, fact
from aegisdb.models.statements import statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aegisdb.fingerprint import Change
    from aegisdb.forms.staged import Staged
    from aegisdb.forms.step import Form

_NO_STEPS = ("PRIMARY KEY", "EXCLUDE")


class Pairs:
    """One column that becomes two for a while."""

    def __init__(self, staged: Staged, changes: Sequence[Change], oldest: int) -> None:
        self._staged = staged
        self._changes = {change.object: change for change in changes}
        self._oldest = oldest

    def why_not(self, change: Change) -> str:
        """Why there are no steps; `change` is that of the column at head."""
        return next(self._reasons(change), "")

    def _reasons(self, change: Change) -> Iterator[str]:
        head, relation, column = self._staged.head.facts, change.relation, _column(change)
        if fact(head[f"table {relation}"], "partition by ") is not None:
            yield "its table is partitioned"
        if any(fact(head[change.object], one) is not None for one in ("identity ", "generated ", "default nextval(")):
            yield "the database gives it its values"
        of_table = [text for key, text in head.items() if self._staged.head.relations.get(key) == relation]
        if any(fact(text, "generated ") and mentions(text, column) for text in of_table):
            yield "a generated column is made of it"
        if any(text.startswith(_NO_STEPS) or WITHOUT_OVERLAPS in text for _, text in self._hanging(relation, column)):
            yield "it is in a primary key or an exclusion constraint"
        if any(mentions(pointed_at(text, relation), column) for text in head.values()):
            yield "a foreign key points at it"
        if any(key in self._changes for key, _ in self._hanging(relation, column)) and change.kind == "changed":
            yield "an index or a constraint of it changes in the same revision"
        if any(key.startswith(("type ", "domain ")) and c.kind == "removed" for key, c in self._changes.items()):
            yield "a type goes in the same revision"

    def of_both(self, old: Change, new: Change) -> set[str]:
        """What else a rename without steps changes by itself: the columns, and what names them in their table."""
        found = {old.object, new.object}
        for key, change in self._changes.items():
            named = mentions(change.before, _column(old)) or mentions(change.after, _column(new))
            if named and key.startswith(("index ", "constraint ")) and change.relation == old.relation:
                found.add(key)
        return found

    def renamed(self, old: Change, new: Change, value: str) -> tuple[Form, Form]:
        """The steps of a rename."""
        staged, relation = self._staged, old.relation
        hung = [key for key, _ in self._hanging(relation, _column(old)) if key not in staged.models.facts]
        comments = staged.head.facts.get(f"comment on {old.object}", ""), staged.without(f"comment on {new.object}")
        for key in (old.object, *hung, *([f"comment on {old.object}"] if comments[0] else [])):
            staged.as_before(key)
        facts = staged.without(new.object)
        for change in (old, new):
            staged.later("column", relation, column_name(change.object)[1])
        for key in hung:
            self._not_dropped(relation, key)
        back = statements(staged.models, staged.head, [_back(self._changes[key]) for key in hung])
        return renamed(
            relation,
            _column(old),
            _column(new),
            was=old.before,
            now=facts,
            comments=comments,
            hung=[guarded(one.sql) for one in back],
            value=value,
            oldest=self._oldest,
        )

    def retyped(self, change: Change, value: str) -> tuple[Form, ...]:
        """The steps of a change of type."""
        staged, relation, column = self._staged, change.relation, _column(change)
        comment = f"comment on {change.object}"
        staged.as_before(change.object)
        staged.later("column", relation, column_name(change.object)[1])
        hanging = [
            Hanging(
                name=_name(key, relation),
                definition=definition(text),
                is_index=key.startswith("index "),
            )
            for key, text in self._hanging(relation, column)
            if key not in self._changes
        ]
        return retyped(
            relation,
            column,
            was=change.before,
            now=staged.models.facts[change.object],
            comments=(staged.head.facts.get(comment, ""), staged.models.facts.get(comment, "")),
            hanging=hanging,
            value=value,
            oldest=self._oldest,
        )

    def _hanging(self, relation: str, column: str) -> Iterator[tuple[str, str]]:
        """Indexes and constraints at head that name the column: as keys and definitions."""
        head = self._staged.head
        for key, text in head.facts.items():
            if key.startswith(("index ", "constraint ")) and head.relations.get(key) == relation:
                own = definition(text).partition(" REFERENCES ")[0]
                if mentions(own, column):
                    yield key, definition(text)

    def _not_dropped(self, relation: str, key: str) -> None:
        kind = key.partition(" ")[0]
        if kind == "index":
            self._staged.later(kind, "", parse(key).name)
        else:
            self._staged.later(kind, relation, unquoted(_name(key, relation)))


def _column(change: Change) -> str:
    return change.object.removeprefix(f"column {change.relation}.")


def _name(key: str, relation: str) -> str:
    """The own name of an index or a constraint, as it is quoted."""
    if key.startswith("index "):
        schema, dot, _ = relation.rpartition(".")
        return key.removeprefix(f"index {schema}{dot}")
    return key.removeprefix(f"constraint {relation}.")


def _back(change: Change) -> Change:
    return replace(change, kind="added", before="", after=change.before)
