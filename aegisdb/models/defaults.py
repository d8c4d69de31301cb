"""Defaults of columns that mean the same, though PostgreSQL shows each as it was written."""

from __future__ import annotations

import re

_DEFAULT = "default "
_GIVEN = (_DEFAULT, "generated ", "identity ")
"""What a column's value comes from, as its facts tell it."""
_NUMBER = re.compile(r"'?\(?(?P<number>-?\d+(?P<fraction>\.\d+)?)\)?'?::(?P<cast>[a-z ]+)")
_WHOLE = frozenset({"smallint", "integer", "bigint"})
_NOW = frozenset({"CURRENT_TIMESTAMP", "transaction_timestamp()"})
_AT_TIME_ZONE = re.compile(r"\((?P<time>.+) AT TIME ZONE (?P<zone>'[^']*'::text)\)", re.DOTALL)


def with_plain_default(facts: list[str]) -> list[str]:
    """The facts of a column, its default in the shortest of the ways to write it that PostgreSQL keeps apart."""
    return [facts[0], *(_plain(facts[0], one) if one.startswith(_DEFAULT) else one for one in facts[1:])]


def without_given(facts: list[str]) -> list[str]:
    """The facts of a column without what gives it a value, which models may leave to the database."""
    return [one for one in facts if not one.startswith(_GIVEN)]


def _plain(kind: str, fact: str) -> str:
    told = fact.removeprefix(_DEFAULT)
    if number := _NUMBER.fullmatch(told):
        exact = number["cast"] == "numeric" or (number["cast"] in _WHOLE and not number["fraction"])
        # a cast to another type may round; to the column's own it changes nothing
        if exact or number["cast"] == kind.partition("(")[0]:
            told = number["number"]
    elif zoned := _AT_TIME_ZONE.fullmatch(told):
        told = f"timezone({zoned['zone']}, {zoned['time']})"
    elif told in _NOW:
        told = "now()"
    return _DEFAULT + told
