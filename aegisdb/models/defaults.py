"""Defaults of columns that mean the same, though PostgreSQL shows each as it was written."""

from __future__ import annotations

import re
from decimal import Decimal

_DEFAULT = "default "
_GIVEN = (_DEFAULT, "generated ", "identity ")
"""What a column's value comes from, as its facts tell it."""
_NUMBER = re.compile(r"'?\(?(?P<number>-?\d+(?:\.(?P<fraction>\d+))?)\)?'?(?:::(?P<cast>[a-z ]+))?")
_WHOLE = frozenset({"smallint", "integer", "bigint"})
_OF_ONE_SCALE = re.compile(r"smallint|integer|bigint|real|double precision|numeric\(.*")
"""Types whose columns keep no difference between 0 and 0.00."""
_NOW = frozenset({"CURRENT_TIMESTAMP", "transaction_timestamp()"})
_TIMES = {
    "date": frozenset({"CURRENT_DATE", "(now())::date", "(CURRENT_TIMESTAMP)::date"}),
    "timestamp": frozenset({"LOCALTIMESTAMP", *(f"({now})::timestamp without time zone" for now in ("now()", *_NOW))}),
}
"""What is the same as now(), which a column of the type takes in the session's time zone."""
_AT_TIME_ZONE = re.compile(r"\((?P<time>.+) AT TIME ZONE (?P<zone>'[^']*'::text)\)", re.DOTALL)
_TIME_ZONE = re.compile(r"timezone\((?P<zone>'[^']*'::text), (?P<time>.+)\)", re.DOTALL)
_EMPTY_ARRAY = re.compile(r"ARRAY\[\](?P<cast>::.+\[\])")
_NULL = re.compile(r"NULL::[a-z ]+(?:\(\d+\))?")


def with_plain_default(facts: list[str]) -> list[str]:
    """The facts of a column, its default in the shortest of the ways to write it that PostgreSQL keeps apart."""
    plain = (_plain(facts[0], one) if one.startswith(_DEFAULT) else one for one in facts[1:])
    return [facts[0], *(one for one in plain if one)]


def without_given(facts: list[str]) -> list[str]:
    """The facts of a column without what gives it a value, which models may leave to the database."""
    return [one for one in facts if not one.startswith(_GIVEN)]


def _plain(kind: str, fact: str) -> str:
    told = fact.removeprefix(_DEFAULT)
    if _NULL.fullmatch(told) and "." not in kind:
        return ""  # a domain may have a default of its own
    if number := _NUMBER.fullmatch(told):
        told = _number(kind, number) or told
    elif told in _NOW or told in _TIMES.get(kind.removesuffix(" without time zone"), ()):
        told = "now()"
    elif zoned := _AT_TIME_ZONE.fullmatch(told) or _TIME_ZONE.fullmatch(told):
        time = "now()" if zoned["time"] in _NOW else zoned["time"]
        told = f"timezone({zoned['zone'].lower()}, {time})"
    elif empty := _EMPTY_ARRAY.fullmatch(told):
        told = f"'{{}}'{empty['cast']}"
    return _DEFAULT + told


def _number(kind: str, number: re.Match[str]) -> str:
    """The number as the column keeps it; empty where a cast may round."""
    cast = number["cast"] or "numeric"
    # a cast to the column's own type changes nothing
    if cast != "numeric" and not (cast in _WHOLE and not number["fraction"]) and cast != kind.partition("(")[0]:
        return ""
    return f"{Decimal(number['number']).normalize():f}" if _OF_ONE_SCALE.fullmatch(kind) else number["number"]
