"""A column gets another type: a second column that a trigger fills, which takes the place of the first."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aegisdb.forms.constraints import checked, unique_index
from aegisdb.forms.indexes import built, dropped, guarded, rebuilt, renamed
from aegisdb.forms.not_null import not_null
from aegisdb.forms.step import Form, Sql, Step, beside, in_schema, plain, sql
from aegisdb.forms.two_columns import Pair, instead, type_of
from aegisdb.models.fact_parts import fact, is_not_null

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LENGTH = re.compile(r"(?P<name>[a-z ]+?)(?:\((?P<first>\d+)(?:,(?P<second>\d+))?\))?(?P<rest>[a-z ]*)")
_SAME = {("cidr", "inet"), ("text", "character varying")}
_BY_LENGTH = {"character varying", "bit varying", "timestamp", "time", "numeric"}


def keeps_rows(was: str, now: str) -> bool:
    """Whether PostgreSQL changes one type into the other without reading a row."""
    if was == now or (was, now) in _SAME or (was.startswith("character varying") and now == "text"):
        return True
    before, after = _LENGTH.fullmatch(was), _LENGTH.fullmatch(now)
    if before is None or after is None or before["name"] not in _BY_LENGTH:
        return False
    if (before["name"], before["rest"]) != (after["name"], after["rest"]) or not before["first"]:
        return False
    wider = int(after["first"] or before["first"]) >= int(before["first"])
    return wider and after["second"] in ({before["second"]} if after["first"] else {None})


@dataclass(frozen=True, kw_only=True)
class Hanging:
    """An index or a constraint of the column."""

    name: str
    definition: str
    is_index: bool


def retyped(
    relation: str,
    column: str,
    *,
    was: str,
    now: str,
    comments: tuple[str, str],
    hanging: Sequence[Hanging],
    value: str,
    oldest: int,
) -> tuple[Form, ...]:
    """The steps until the second column is whole, those of what hangs on it, and the last step."""
    pair = Pair(
        relation=relation,
        old=column,
        new=beside(column),
        old_type=type_of(was),
        new_type=type_of(now),
        both_ways=False,
        comments=comments,
    )
    change = f"{pair.where} becomes {pair.new_type}"
    steps = [pair.add(), pair.copy()]
    if is_not_null(now):
        kept = is_not_null(was)  # the trigger copies what has a value
        demanded = not_null(relation, pair.new, value="" if kept else value, oldest=oldest).steps
        steps += [replace(step, phase="expand") if kept else step for step in demanded]
    return Form(change=change, steps=tuple(steps)), *_hung(pair, hanging), _swapped(pair, was, now, hanging)


def _hung(pair: Pair, hanging: Sequence[Hanging]) -> Iterator[Form]:
    """What hangs on the column, on the second one, under a name for the meantime."""
    for one in hanging:
        name = beside(one.name)
        about = instead(one.definition, pair.old, pair.new)
        if one.is_index or one.definition.startswith("UNIQUE"):
            definition = renamed(about, name) if one.is_index else unique_index(pair.relation, name, about)
            inside = in_schema(pair.relation, name)
            step = Step(
                what=f"build {one.name} for {pair.new} of {plain(pair.relation)}",
                says="It is built while others read and write, outside of a transaction; what an interrupted build "
                "left is dropped first.",
                phase="expand",
                alone_up=built(inside, definition),
                alone_down=dropped(inside),
                repeatable=rebuilt(name),
            )
            yield Form(change=one.name, steps=(step,))
        elif form := checked(pair.relation, name, "", about):
            # what is refused there, the old column's own constraint refuses already
            yield replace(form, steps=tuple(replace(step, phase="expand") for step in form.steps))


def _swapped(pair: Pair, was: str, now: str, hanging: Sequence[Hanging]) -> Form:
    table, default = f"ALTER TABLE {pair.relation}", fact(now, "default ")
    step = Step(
        what=f"put {pair.new} in the place of {pair.where}",
        says="Once deployed code bears the new type: the trigger goes, then the old column, and the second one gets "
        f"its name. No row is read or written. The way back writes every row of {plain(pair.relation)} under ACCESS "
        "EXCLUSIVE.",
        phase="contract",
        up=(
            *pair.no_longer(),
            Sql(f"{table} DROP COLUMN IF EXISTS {pair.old}", f"{pair.new} has all that it held"),
            Sql(f"{table} RENAME COLUMN {pair.new} TO {pair.old}", "its name is free again"),
            *sql(*([f"{table} ALTER COLUMN {pair.old} SET DEFAULT {default}"] if default else [])),
            *(Sql(_taken(pair, one), "it takes the name of the one that went") for one in hanging),
        ),
        down=(
            *sql(*(text for one in hanging for text in _given_back(pair, one))),
            *sql(f"{table} RENAME COLUMN {pair.old} TO {pair.new}"),
            *sql(*([f"{table} ALTER COLUMN {pair.new} DROP DEFAULT"] if default else [])),
            *pair.old_again(was),
            *sql(*(_made(pair, one) for one in hanging)),
            *pair.keeping(),
        ),
    )
    return Form(change=pair.where, steps=(step,))


def _taken(pair: Pair, one: Hanging) -> str:
    """The statement by which what was built for the second column gets its name."""
    name = beside(one.name)
    if one.is_index:
        return f"ALTER INDEX {in_schema(pair.relation, name)} RENAME TO {one.name}"
    if one.definition.startswith("UNIQUE"):
        when = " DEFERRABLE".join(["", *one.definition.split(" DEFERRABLE")[1:]])
        return f"ALTER TABLE {pair.relation} ADD CONSTRAINT {one.name} UNIQUE USING INDEX {name}{when}"
    return f"ALTER TABLE {pair.relation} RENAME CONSTRAINT {name} TO {one.name}"


def _given_back(pair: Pair, one: Hanging) -> Iterator[str]:
    """Give it back while the column still has its name."""
    name = beside(one.name)
    if one.is_index:
        yield f"ALTER INDEX {in_schema(pair.relation, one.name)} RENAME TO {name}"
    elif one.definition.startswith("UNIQUE"):
        yield f"ALTER TABLE {pair.relation} DROP CONSTRAINT IF EXISTS {one.name}"
        yield guarded(unique_index(pair.relation, name, one.definition))
    else:
        yield f"ALTER TABLE {pair.relation} RENAME CONSTRAINT {one.name} TO {name}"


def _made(pair: Pair, one: Hanging) -> str:
    if one.is_index:
        return guarded(one.definition)
    return f"ALTER TABLE {pair.relation} ADD CONSTRAINT {one.name} {one.definition}"
