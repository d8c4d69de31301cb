"""Foreign keys, CHECKs and unique constraints of tables that have rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aegisdb.forms.indexes import built, rebuilt
from aegisdb.forms.step import Form, Sql, Step, beside, in_schema, plain, sql

if TYPE_CHECKING:
    from collections.abc import Iterator

_COLUMNS = r"""\((?:"(?:[^"]|"")*"|[^()"])+\)"""
_UNIQUE = re.compile(
    r"UNIQUE (?P<nulls>NULLS NOT DISTINCT )?"
    rf"(?P<columns>{_COLUMNS}(?: INCLUDE {_COLUMNS})?)(?P<when>(?: DEFERRABLE.*)?)"
)
_COMES_BACK = "it comes back in the next statement"
WITHOUT_OVERLAPS = " WITHOUT OVERLAPS"
_SPARES_ROWS = re.compile(r" NOT (?:VALID|ENFORCED)\b")


def checked(relation: str, name: str, was: str, now: str) -> Form | None:
    """A foreign key or a CHECK in steps; `was` is its definition before, empty where it is new."""
    kind = next((kind for kind in ("FOREIGN KEY", "CHECK") if now.startswith(kind)), "")
    if not kind or _SPARES_ROWS.search(now):
        return None
    steps = tuple(_not_valid_first(relation, name, was, now))
    return Form(change=f"{plain(relation)} gets {kind} {name}", steps=steps)


def _not_valid_first(relation: str, name: str, was: str, now: str) -> Iterator[Step]:
    table, what = f"ALTER TABLE {relation}", f"{name} of {plain(relation)}"
    gone = Sql(f"{table} DROP CONSTRAINT IF EXISTS {name}", _COMES_BACK)
    added = Sql(f"{table} ADD CONSTRAINT {name} {now} NOT VALID")
    yield Step(
        what=f"add {what} for new rows",
        says="Rows that are written from here on must keep to it. Those that are there are not read.",
        phase="contract",
        up=(*([gone] if was else []), added),
        down=(Sql(gone.text), *([Sql(f"{table} ADD CONSTRAINT {name} {was}")] if was else [])),
    )
    yield Step(
        what=f"validate {what}",
        says="Every row is read while others read and write; in a transaction of its own, so that the lock of the "
        "step before is gone. It fails, and nothing is lost, where a row does not keep to it.",
        phase="contract",
        up=sql(f"{table} VALIDATE CONSTRAINT {name}"),
        down=(Sql(gone.text), added),
    )


def unique(relation: str, name: str, was: str, now: str) -> Form | None:
    """A unique constraint by an index that is built beside readers and writers; `was` may be of any kind."""
    if not unique_index(relation, name, now):
        return None
    table = f"ALTER TABLE {relation}"
    index = beside(name) if was else name
    inside = in_schema(relation, index)
    gone = Sql(f"{table} DROP CONSTRAINT IF EXISTS {name}", _COMES_BACK)

    def build(definition: str) -> tuple[Sql, ...]:
        statement = unique_index(relation, index, definition)
        return built(inside, statement) if statement else ()

    def using(definition: str) -> Sql:
        found = _UNIQUE.fullmatch(definition)
        given = f"UNIQUE USING INDEX {index}{found['when']}" if found and build(definition) else definition
        return Sql(f"{table} ADD CONSTRAINT {name} {given}")

    step = Step(
        what=f"add {name} of {plain(relation)}",
        says="The index is built while others read and write, outside of a transaction; what an interrupted build "
        "left is dropped first. Then the constraint takes it over, and no row is read. It fails where rows are "
        "not unique.",
        phase="contract",
        alone_up=build(now),
        up=(*([gone] if was else []), using(now)),
        alone_down=build(was),
        down=(Sql(gone.text), *([using(was)] if was else [])),
        repeatable=rebuilt(index),
    )
    return Form(change=f"{plain(relation)} gets UNIQUE {name}", steps=(step,))


def unique_index(relation: str, index: str, definition: str) -> str:
    """The statement that makes the index of a unique constraint; empty for another one, or WITHOUT OVERLAPS."""
    found = _UNIQUE.fullmatch(definition)
    if found is None or WITHOUT_OVERLAPS in found["columns"]:
        return ""
    nulls = " NULLS NOT DISTINCT" if found["nulls"] else ""
    return f"CREATE UNIQUE INDEX {index} ON {relation} USING btree {found['columns']}{nulls}"
