"""NOT NULL: a constraint that spares the rows that are there, its validation beside readers and writers, the flag.

SET NOT NULL takes a valid CHECK for proof only while the CHECK exists. In one ALTER TABLE with DROP CONSTRAINT the
constraint goes first, and the whole table is read under ACCESS EXCLUSIVE (findings/postgres-set-not-null-scans.sh).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.forms.step import Backfill, Form, Sql, Step, called, plain, sql

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMED = 18
"""From this PostgreSQL on, NOT NULL is a constraint that can be NOT VALID."""


def not_null(relation: str, column: str, *, value: str, oldest: int) -> Form:
    """The steps; `value` is the SQL that rows without a value get first, empty for none."""
    steps = _by_constraint(relation, column) if oldest >= NAMED else _by_check(relation, column)
    first = (fill(relation, column, value),) if value else ()
    return Form(change=f"{plain(relation)}.{column} becomes NOT NULL", steps=(*first, *steps))


def fill(relation: str, column: str, value: str) -> Step:
    """The step that gives each row without a value this one."""
    return Step(
        what=f"fill {plain(relation)}.{column}",
        says=f"Rows without a value get {value}, in batches, each in a transaction of its own, which locks "
        "its rows and no others. Killed, it goes on "
        "behind its last batch. The way back keeps the values.",
        phase="expand",
        backfill=Backfill(table=relation, set=f"{column} = {value}", where=f"{column} IS NULL"),
    )


def _by_check(relation: str, column: str) -> Iterator[Step]:
    table, name = f"ALTER TABLE {relation}", called(relation, column, "is_not_null")
    where, rule = f"{plain(relation)}.{column}", f"CHECK ({column} IS NOT NULL)"
    yield from _not_valid_first(relation, column, name, rule, validate=f"validate that {where} has no NULL")
    yield Step(
        what=f"make {where} NOT NULL",
        says="The valid CHECK is the proof, so no row is read: two statements, because in one ALTER TABLE the CHECK "
        "would go first. The way back reads every row under ACCESS EXCLUSIVE.",
        phase="contract",
        up=(
            Sql(f"{table} ALTER COLUMN {column} SET NOT NULL", f"the valid CHECK {name} proves it: no row is read"),
            Sql(f"{table} DROP CONSTRAINT IF EXISTS {name}", "NOT NULL says the same"),
        ),
        down=sql(f"{table} ADD CONSTRAINT {name} {rule}", f"{table} ALTER COLUMN {column} DROP NOT NULL"),
    )


def _by_constraint(relation: str, column: str) -> Iterator[Step]:
    name, where = called(relation, column, "not_null"), f"{plain(relation)}.{column}"
    yield from _not_valid_first(relation, column, name, f"NOT NULL {column}", validate=f"make {where} NOT NULL")


def _not_valid_first(relation: str, column: str, name: str, rule: str, *, validate: str) -> Iterator[Step]:
    """The constraint for new rows, and its validation, which `validate` names."""
    added = f"ALTER TABLE {relation} ADD CONSTRAINT {name} {rule} NOT VALID"
    gone = f"ALTER TABLE {relation} DROP CONSTRAINT IF EXISTS {name}"
    yield Step(
        what=f"refuse new NULLs in {plain(relation)}.{column}",
        says=_REFUSED,
        phase="contract",
        up=sql(added),
        down=sql(gone),
    )
    yield Step(
        what=validate,
        says=_VALIDATED.format(column=column),
        phase="contract",
        up=sql(f"ALTER TABLE {relation} VALIDATE CONSTRAINT {name}"),
        down=sql(gone, added),
    )


_REFUSED = (
    "Rows that are written from here on must have a value, also old ones that are changed. Those that are there are "
    "not read."
)
_VALIDATED = (
    "Every row is read while others read and write. It fails, and nothing is lost, where {column} is still NULL: "
    "give these rows a value, and apply it again."
)
