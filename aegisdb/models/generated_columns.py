"""Generated columns that are in the way: PostgreSQL gives no column under one another type.

What is computed loses nothing: such a column goes first and comes back last, with the indexes and constraints on it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from aegisdb.fingerprint.keys import column_name, parse
from aegisdb.models.column_statements import type_of
from aegisdb.models.fact_parts import fact, parts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from aegisdb.fingerprint import Change, Fingerprint

_TEXT = re.compile(r"E?'(?:[^']|'')*'")
_NOT_ON_IT = re.compile(r"^CREATE .*? USING | REFERENCES .*")
"""What a definition says of other names than its columns'."""
_COLUMN = "column "

Place = tuple[str, str]
"""A table and one of its columns, as a fingerprint spells them."""


class GeneratedColumn(NamedTuple):
    """A generated column of a schema."""

    table: str
    column: str

    @property
    def key(self) -> str:
        """Its key in a fingerprint."""
        return f"{_COLUMN}{self.table}.{self.column}"

    @property
    def drop(self) -> str:
        """The statement that drops it, and the indexes and constraints on it."""
        return f"ALTER TABLE {self.table} DROP COLUMN {self.column}"

    def hanging(self, schema: Fingerprint) -> list[str]:
        """Keys of the indexes and constraints that go with it."""
        return [
            key
            for key, relation in schema.relations.items()
            if relation == self.table
            and key.startswith(("index ", "constraint "))
            and _names(_NOT_ON_IT.sub("", schema.facts.get(key, "")), self.column)
        ]


class InTheWay(NamedTuple):
    """Generated columns that must not be there while columns under them get other types."""

    at_head: Sequence[GeneratedColumn]
    of_models: Sequence[GeneratedColumn]
    operations: Sequence[tuple[str, str, str]]
    """Kind, table and name of what autogenerate is not to do, as nothing of theirs is there then."""


def in_the_way(head: Fingerprint, models: Fingerprint, changes: Iterable[Change]) -> InTheWay:
    """Find those that the changes from the histories to the models meet."""
    changes = tuple(changes)
    changed = [change for change in changes if change.kind == "changed"]
    # a column also comes and goes in no order that autogenerate knows of; a table takes its own along
    tables = [change.object.removeprefix("table ") for change in changes if change.kind != "changed"]
    retyped = [
        (change.relation, change.object.removeprefix(f"{_COLUMN}{change.relation}."))
        for change in changes
        if change.object.startswith(_COLUMN)
        and change.relation not in tables
        and type_of(change.before) != type_of(change.after)
    ]
    # a type that is made anew takes along those that stay
    kinds = [c.object.partition(" ")[2] for c in changed if c.object.startswith(("type ", "domain "))]
    found: list[list[GeneratedColumn]] = []
    operations: list[tuple[str, str, str]] = []
    for schema, other in ((head, models), (models, head)):
        of_kinds = [(table, column) for kind in kinds for table, column, _, _ in columns_of(kind, schema)]
        goes = [one for one in generated_on(of_kinds, schema) if one.key not in other.facts]
        found.append([*dict.fromkeys((*generated_on(retyped, schema), *goes))])
        operations += _operations(found[-1], schema)
    return InTheWay(found[0], found[1], operations)


def generated_on(places: Collection[Place], schema: Fingerprint) -> Iterator[GeneratedColumn]:
    """Generated columns that are computed from one of these columns."""
    under: dict[str, list[str]] = {}
    for table, column in places:
        under.setdefault(table, []).append(column)
    for key, relation in schema.relations.items():
        if relation in under and key.startswith(_COLUMN):
            expression = fact(schema.facts.get(key, ""), "generated ")
            if expression and any(_names(expression, column) for column in under[relation]):
                yield GeneratedColumn(relation, key.removeprefix(f"{_COLUMN}{relation}."))


def is_generated(facts: str) -> bool:
    """Whether a column's facts say that it is computed."""
    return fact(facts, "generated ") is not None


def columns_of(name: str, schema: Fingerprint) -> Iterator[tuple[str, str, str, str | None]]:
    """Table, column, type and default of the columns that have the type."""
    for key, facts in schema.facts.items():
        table = schema.relations.get(key, "")
        if key.startswith(_COLUMN) and not key.startswith("column order ") and parts(facts)[0] in {name, f"{name}[]"}:
            yield table, key.removeprefix(f"{_COLUMN}{table}."), parts(facts)[0], fact(facts, "default ")


def _operations(found: Iterable[GeneratedColumn], schema: Fingerprint) -> Iterator[tuple[str, str, str]]:
    for one in found:
        yield "column", *column_name(one.key)
        for key in one.hanging(schema):
            if key.startswith("index "):
                yield "index", "", parse(key).name
            else:
                yield "constraint", *column_name(key)


def _names(text: str, column: str) -> bool:
    """Whether an expression of the server's names the column; types and functions are qualified or called."""
    name = rf'(?<![\w"$.:]){re.escape(column)}(?![\w"$(])'
    return re.search(name, _TEXT.sub("''", text)) is not None
