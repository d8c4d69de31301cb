"""Takes the facts of a fingerprint's line apart."""

from __future__ import annotations

import re

from aegisdb.fingerprint import split

_VALUE = re.compile(r"E?'(?:[^']|'')*'")

_ONE_OF = re.compile(
    r"""\(\((?P<column>\w+|"(?:[^"]|"")+")\)::text (?P<test>=\ ANY|<>\ ALL) \(\(ARRAY\["""
    r"""(?P<values>(?:E?'(?:[^']|'')*'::character varying(?:, )?)+)\]\)::text\[\]\)\)"""
)
"""IN and NOT IN over a varchar, as PostgreSQL shows them."""


def parts(facts: str) -> list[str]:
    """The facts, one by one; a semicolon in quotes separates nothing."""
    return [part for part in split(_unescaped(facts)) if part]


def writable(facts: str) -> str:
    """The definition as a statement that PostgreSQL shows so again; it reads its own cast of an array otherwise."""
    return _ONE_OF.sub(_as_in, definition(facts))


def _as_in(found: re.Match[str]) -> str:
    return f"({found['column']} {'IN' if found['test'] == '= ANY' else 'NOT IN'} ({found['values']}))"


def fact(facts: str, beginning: str) -> str | None:
    """The rest of the fact that begins so; None where none does."""
    return next((part[len(beginning) :] for part in parts(facts) if part.startswith(beginning)), None)


def is_not_null(facts: str) -> bool:
    """Whether a column's facts say NOT NULL."""
    return any(part.startswith("not null") for part in parts(facts))


def definition(facts: str) -> str:
    """The definition of a constraint or index, which PostgreSQL wrote, without what the fingerprint adds."""
    return parts(facts)[0]


def enum_values(facts: str) -> list[str] | None:
    """The values of an enum in their order, each as a literal; None for another type."""
    listed = fact(facts, "enum (")
    return None if listed is None else _VALUE.findall(listed)


def _unescaped(facts: str) -> str:
    if "\\" not in facts:
        return facts
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), facts)
