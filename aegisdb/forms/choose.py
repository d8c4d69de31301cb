"""Which changes of the models are unsafe on a table that has rows, and the steps of each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from aegisdb.errors import UsageError
from aegisdb.fingerprint.keys import column_name, parse, relation_name
from aegisdb.forms.constraints import checked, unique
from aegisdb.forms.indexes import indexed
from aegisdb.forms.new_columns import added
from aegisdb.forms.not_null import not_null
from aegisdb.forms.pairs import Pairs
from aegisdb.forms.staged import Staged
from aegisdb.forms.step import plain, unquoted
from aegisdb.forms.two_columns import mentions, pointed_at, type_of
from aegisdb.forms.types import keeps_rows
from aegisdb.lint.squawk_ghosts import is_steady
from aegisdb.lint.statements import statements
from aegisdb.models.fact_parts import definition, fact, is_not_null, parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from aegisdb.fingerprint import Change, Fingerprint
    from aegisdb.forms.step import Form
    from aegisdb.models.renames import Rename

OLDEST = 14
_MADE = ("identity ", "generated stored ", "default nextval(")
_LAST = 9
"""The place of the step that puts a column of another type, or name, in the place of the old one."""


@dataclass(frozen=True)
class PutOff:
    """What is written in steps, and what is left for the revision before them."""

    forms: tuple[Form, ...]
    models: Fingerprint
    """The models without what the steps do."""
    operations: tuple[tuple[str, str, str], ...]
    """Kind, table and name of what autogenerate is not to do."""
    renames: tuple[Rename, ...]
    """Renames that are no step."""
    as_one: tuple[str, ...]
    """Unsafe changes without steps, and why."""


@dataclass(frozen=True)
class Choice:
    """How the steps are written."""

    oldest: int = OLDEST
    """The oldest major PostgreSQL that they run on."""
    values: Mapping[str, str] = field(default_factory=dict)
    """`table.column` to the SQL that rows without a value get."""
    tables: Callable[[str], bool] = lambda _: True
    """Whether a table's changes are written in steps."""

    def put_off(
        self, head: Fingerprint, models: Fingerprint, changes: Sequence[Change], renames: Sequence[Rename]
    ) -> PutOff:
        """Take the unsafe changes out of the models.

        Raises:
            UsageError: a value is given for a column that does not become NOT NULL in steps.
        """
        return _Chooser(self, head, models, changes, renames).put_off()


class _Chooser:
    def __init__(
        self,
        choice: Choice,
        head: Fingerprint,
        models: Fingerprint,
        changes: Sequence[Change],
        renames: Sequence[Rename],
    ) -> None:
        self._choice = choice
        self._head = head
        self._models = models
        self._changes = changes
        self._renames = list(renames)
        self._staged = Staged(head, models)
        self._as_one: list[str] = []
        self._retyped: list[tuple[str, str]] = []
        self._unused = set(choice.values)
        self._losing = {c.relation for c in changes if c.kind == "removed" and c.object.startswith("column ")}

    def put_off(self) -> PutOff:
        forms: list[tuple[int, Form]] = [*self._renamed()]
        for change in sorted(self._changes, key=lambda one: not one.object.startswith("column ")):
            if not change.is_remark and change.object not in self._staged.done and self._is_old(change.relation):
                forms += self._of(change)
        if self._unused:
            named = ", ".join(sorted(self._unused))
            raise UsageError(f"--fill {named}: no column of this name becomes NOT NULL in steps", hint="see --safe")
        ordered = tuple(form for _, form in sorted(forms, key=lambda each: each[0]))
        staged = self._staged
        return PutOff(ordered, staged.left(), tuple(staged.operations), tuple(self._renames), tuple(self._as_one))

    def _is_old(self, relation: str) -> bool:
        """Whether the table is there before and after: what comes with a new table waits for nobody."""
        key = f"table {relation}"
        return key in self._head.facts and key in self._models.facts and self._choice.tables(relation)

    def _of(self, change: Change) -> Iterator[tuple[int, Form]]:
        kind = change.object.partition(" ")[0]
        found = {"column": self._column, "constraint": self._constraint, "index": self._index}.get(kind)
        if found is None:
            return
        yield from found(change)

    def _renamed(self) -> Iterator[tuple[int, Form]]:
        """Renames of columns; one that has no steps stays what it was."""
        for rename in tuple(self._renames):
            old, new = self._both(rename)
            if old is None or new is None or not self._is_old(old.relation):
                continue
            pairs = Pairs(self._staged, self._changes, self._choice.oldest)
            if why := pairs.why_not(old):
                self._as_one.append(f"{plain(old.relation)}.{rename.column}: {why}")
                self._staged.done |= pairs.of_both(old, new)
                continue
            self._renames.remove(rename)
            first, last = pairs.renamed(old, new, self._value(new.relation, rename.to, new.after))
            yield from ((0, first), (_LAST, last))

    def _both(self, rename: Rename) -> tuple[Change | None, Change | None]:
        """What went and what came."""

        def found(kind: str, column: str) -> Change | None:
            wanted = (rename.schema, rename.table, column)
            columns = (c for c in self._changes if c.kind == kind and c.object.startswith("column "))
            return next(
                (c for c in columns if (*relation_name(c.relation)[1:], column_name(c.object)[1]) == wanted), None
            )

        return (found("removed", rename.column), found("added", rename.to)) if rename.column else (None, None)

    def _column(self, change: Change) -> Iterator[tuple[int, Form]]:
        _, name = column_name(change.object)
        if change.kind == "changed" and not keeps_rows(type_of(change.before), type_of(change.after)):
            pairs = Pairs(self._staged, self._changes, self._choice.oldest)
            if why := pairs.why_not(change):
                self._as_one.append(f"{plain(change.relation)}.{name}: {why}")
            else:
                self._retyped.append((change.relation, change.object.removeprefix(f"column {change.relation}.")))
                *first, last = pairs.retyped(change, self._value(change.relation, name, change.after))
                yield from (*((0, form) for form in first), (_LAST, last))
                return
        if change.kind == "added":
            yield from self._new_column(change, name)
        elif change.kind == "changed" and is_not_null(change.after) and not is_not_null(change.before):
            column = change.object.removeprefix(f"column {change.relation}.")
            facts = self._models.facts[change.object]
            value = self._value(change.relation, name, facts)
            self._staged.instead(change.object, "; ".join(p for p in parts(facts) if not p.startswith("not null")))
            self._staged.later("column", change.relation, name)
            yield 0, not_null(change.relation, column, value=value, oldest=self._choice.oldest)

    def _new_column(self, change: Change, name: str) -> Iterator[tuple[int, Form]]:
        """A column that PostgreSQL refuses where there are rows, or whose default has a value of its own for each."""
        column = change.object.removeprefix(f"column {change.relation}.")
        facts, oldest = self._models.facts[change.object], self._choice.oldest
        default = fact(facts, "default ")
        made = any(fact(facts, one) is not None for one in _MADE)
        if made:
            self._as_one.append(f"{plain(change.relation)}.{name}: the database makes its values, for all rows at once")
        elif not is_steady(default) if default else is_not_null(facts):
            value = self._value(change.relation, name, facts)
            comment = self._staged.without(f"comment on {change.object}")
            self._staged.without(change.object)
            self._staged.later("column", change.relation, name)
            yield 0, added(change.relation, column, facts, comment=comment, value=value, oldest=oldest)

    def _value(self, relation: str, column: str, facts: str) -> str:
        default = fact(facts, "default ") or ""
        named = {f"{table}.{column}" for table in self._names(relation)}
        self._unused -= named
        given = (value for name, value in self._choice.values.items() if name in named)
        return next(given, "" if "nextval(" in default else default)

    def _names(self, relation: str) -> Iterator[str]:
        """What a person may call a table: with its schema, and without where no other has its name."""
        yield plain(relation)
        bare = relation_name(relation).name
        tables = [key.removeprefix("table ") for key in self._models.facts if key.startswith("table ")]
        if sum(relation_name(one).name == bare for one in tables) == 1:
            yield bare

    def _constraint(self, change: Change) -> Iterator[tuple[int, Form]]:
        if change.kind == "removed":
            return
        name = change.object.removeprefix(f"constraint {change.relation}.")
        was, now = (definition(text) if text else "" for text in (change.before, change.after))
        renames = (one for one in self._renames if one.column)
        if rename := next((one for one in renames if pointed_at(was, f"{one.schema}.{one.table}") == one.column), None):
            if was.replace(f"({rename.column})", f"({rename.to})") != now:
                self._as_one.append(f"{plain(change.relation)}.{name}: what it points at gets another name besides")
            return
        form = unique(change.relation, name, was, now) or checked(change.relation, name, was, now)
        if form is None:
            if now.startswith(("PRIMARY KEY", "EXCLUDE", "UNIQUE")):
                self._as_one.append(f"{plain(change.relation)}.{name}: no steps for {now.partition(' (')[0]}")
        elif now.startswith("CHECK") or not self._is_partitioned(change.relation):
            self._staged.take_back(change)
            self._staged.later("constraint", change.relation, unquoted(name))
            yield self._placed(change.relation, now, 1 if now.startswith("UNIQUE") else 2, form)

    def _placed(self, relation: str, new: str, place: int, form: Form) -> tuple[int, Form]:
        """A new index or constraint; on a column of another type it waits for the contract that gives that its name."""
        if not any(of == relation and mentions(new, column) for of, column in self._retyped):
            return place, form
        return _LAST + 1, replace(form, steps=tuple(replace(step, phase="contract") for step in form.steps))

    def _index(self, change: Change) -> Iterator[tuple[int, Form]]:
        if self._is_partitioned(change.relation):
            return
        if change.kind == "removed" and change.relation in self._losing:
            return  # it goes with its column
        name = change.object.rpartition(f"{change.relation.rpartition('.')[0]}.")[2]
        was, now = (definition(text) if text else "" for text in (change.before, change.after))
        form = indexed(change.relation, name, was, now)
        if form is not None:
            self._staged.take_back(change)
            self._staged.later("index", "", parse(change.object).name)
            yield self._placed(change.relation, now, 1 if now else 3, form)

    def _is_partitioned(self, relation: str) -> bool:
        found = fact(self._head.facts[f"table {relation}"], "partition by ") is not None
        said = f"{plain(relation)} is partitioned: its indexes and keys come in one piece"
        if found and said not in self._as_one:
            self._as_one.append(said)
        return found


def choice(*, safe: bool, values: str, oldest: int) -> Choice:
    """What the flags of a command say.

    Raises:
        UsageError: a value without a column, or a PostgreSQL that is not supported.
    """
    if oldest and oldest < OLDEST:
        raise UsageError(
            f"--oldest {oldest}: PostgreSQL {OLDEST} is the oldest one that is supported",
            hint=f"say {OLDEST} or a newer one, or leave it out",
        )
    given: dict[str, str] = {}
    for statement in statements(values):
        text = statement.text
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (equals and value and name.count(".") in {1, 2}):
            raise UsageError(
                f"--fill {text!r} is not TABLE.COLUMN=SQL", hint="""e.g. --fill "orders.state='new'; orders.total=0\""""
            )
        given[name] = value
    return Choice(oldest=oldest or OLDEST, values=given, tables=lambda _: safe)
