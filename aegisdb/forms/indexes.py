"""Indexes of tables that have rows, built and dropped beside readers and writers."""

from __future__ import annotations

import re

from aegisdb.forms.step import Form, Sql, Step, beside, in_schema, plain, sql

_CREATE = re.compile(r"^CREATE (?P<unique>UNIQUE )?INDEX (?P<name>\"(?:[^\"]|\"\")*\"|\S+) ON ")


def indexed(relation: str, name: str, was: str, now: str) -> Form | None:
    """An index that comes, goes or changes; `was` and `now` are its definitions, empty for none."""
    if any(text and not _CREATE.match(text) for text in (was, now)):
        return None
    if was and now:
        return _replaced(relation, name, was, now)
    inside = in_schema(relation, name)
    up, down = (built(inside, now), dropped(inside)) if now else (dropped(inside), built(inside, was))
    step = Step(
        what=f"{'build' if now else 'drop'} index {name} of {plain(relation)}",
        says=_BUILT if now else "It goes while others read and write, outside of a transaction.",
        phase="contract" if "UNIQUE" in now[:14] else "expand",
        alone_up=up,
        alone_down=down,
        repeatable=rebuilt(name) if now else "it is dropped if it is there",
    )
    return Form(change=f"{plain(relation)} {'gets' if now else 'loses'} index {name}", steps=(step,))


def _replaced(relation: str, name: str, was: str, now: str) -> Form:
    other = beside(name)

    def swapped(definition: str) -> tuple[Sql, ...]:
        return (
            *built(in_schema(relation, other), renamed(definition, other)),
            *dropped(in_schema(relation, name)),
            Sql(f"ALTER INDEX IF EXISTS {in_schema(relation, other)} RENAME TO {name}", "nobody names it yet"),
        )

    step = Step(
        what=f"build index {name} of {plain(relation)} anew",
        says=f"{_BUILT} It takes the place of the old one, which serves until then.",
        phase="contract" if "UNIQUE" in now[:14] else "expand",
        alone_up=swapped(now),
        alone_down=swapped(was),
        repeatable=rebuilt(other),
    )
    return Form(change=f"{plain(relation)} gets another index {name}", steps=(step,))


def renamed(definition: str, name: str) -> str:
    """The definition of an index, under another name."""
    return _CREATE.sub(lambda found: f"CREATE {found['unique'] or ''}INDEX {name} ON ", definition)


def guarded(definition: str, concurrently: str = "") -> str:
    """The definition of an index, with IF NOT EXISTS."""
    return _CREATE.sub(
        lambda found: f"CREATE {found['unique'] or ''}INDEX {concurrently}IF NOT EXISTS {found['name']} ON ", definition
    )


def built(name: str, definition: str) -> tuple[Sql, ...]:
    """Statements that build an index CONCURRENTLY, whatever an interrupted build left; `name` with its schema."""
    return (*dropped(name), Sql(guarded(definition, "CONCURRENTLY ")))


def dropped(name: str) -> tuple[Sql, ...]:
    """The statement that drops it beside readers and writers."""
    return sql(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def rebuilt(name: str) -> str:
    """Why such a step may be run again."""
    return f"what an interrupted build left of index {name} is dropped, and it is built again"


_BUILT = (
    "It is built while others read and write, outside of a transaction; what an interrupted build left is dropped "
    "first."
)
