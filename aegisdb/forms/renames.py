"""A column gets another name: both are there until no deployed code names the old one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.forms.not_null import not_null
from aegisdb.forms.step import Form, Sql, Step, plain
from aegisdb.forms.two_columns import Pair, type_of
from aegisdb.models.fact_parts import fact, is_not_null

if TYPE_CHECKING:
    from collections.abc import Sequence


def renamed(  # noqa: PLR0913  each is a fact of one of the two columns
    relation: str,
    old: str,
    new: str,
    *,
    was: str,
    now: str,
    comments: tuple[str, str],
    hung: Sequence[str],
    value: str,
    oldest: int,
) -> tuple[Form, Form]:
    """The steps until both columns are the same, and the last one; `hung` makes what hung on the old column."""
    pair = Pair(
        relation=relation,
        old=old,
        new=new,
        old_type=type_of(was),
        new_type=type_of(now),
        both_ways=True,
        comments=comments,
    )
    steps = [pair.add(), pair.copy()]
    if is_not_null(now):
        kept = is_not_null(was)  # what old code writes has a value, and the trigger copies it
        demanded = not_null(relation, new, value="" if kept else value, oldest=oldest).steps
        steps += [replace(step, phase="expand") if kept else step for step in demanded]
    change = f"{pair.where} becomes {new}"
    last = Form(change=change, steps=(_dropped(pair, was, now, hung),))
    return Form(change=change, steps=tuple(steps)), last


def _dropped(pair: Pair, was: str, now: str, hung: Sequence[str]) -> Step:
    table = f"ALTER TABLE {pair.relation}"
    default = fact(now, "default ")
    return Step(
        what=f"drop {pair.where}, which is {pair.new} now",
        says=f"Once no deployed code names {pair.old}: the trigger goes, then the column. No row is read or written.\n"
        f"The way back writes every row of {plain(pair.relation)} under ACCESS EXCLUSIVE.",
        phase="contract",
        up=(
            *pair.no_longer(),
            *([Sql(f"{table} ALTER COLUMN {pair.new} SET DEFAULT {default}")] if default else []),
            Sql(f"{table} DROP COLUMN IF EXISTS {pair.old}", f"{pair.new} has all that it held"),
        ),
        down=(
            *pair.old_again(was),
            *map(Sql, hung),
            *([Sql(f"{table} ALTER COLUMN {pair.new} DROP DEFAULT")] if default else []),
            *pair.keeping(),
        ),
    )
