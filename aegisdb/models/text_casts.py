"""Casts between kinds of text, which change nothing: a column that once was varchar keeps them in its expressions."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from aegisdb.fingerprint import Fingerprint

_CAST = re.compile(r"::(?:text|character varying|bpchar)(?:\[\])?(?![\w(\[])")
_TEXT = re.compile(r"(?:text|character varying|character|bpchar)(?:\(\d+\))?(?:\[\])*(?:;|$)")
_AROUND_ONE = re.compile(r'(?<![\w"])\(([\w\0]+|"[^"]*"|ARRAY\[[^\[\]()]*\])\)')
_DOUBLE = re.compile(r"\(\(([^()]*)\)\)")
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_NAME = re.compile(r'\0\d+\0|"(?:[^"]|"")*"|\w+')
_GIVES_TEXT = re.compile(r'\(*(?:\w+|"(?:[^"]|"")*") #?->> .*', re.DOTALL)
"""What takes a text out of JSON, whatever column it is."""
_PASS_ON = frozenset(
    ("COALESCE", "NULLIF", "GREATEST", "LEAST", "CASE", "WHEN", "THEN", "ELSE", "END", "IS", "NOT", "NULL", "AND", "OR")
)
"""Words of expressions that have the type of what is in them."""
_OF_TYPES = frozenset(("ARRAY", "text", "character", "varying", "bpchar"))
_COLUMN, _ORDER = "column ", "column order "


class TextCasts:
    """What a schema's expressions say beside such casts: a cast of what is no text counts."""

    def __init__(self, schema: Fingerprint) -> None:
        self._schema = schema

    def without(self, key: str, facts: str) -> str:
        """The facts of an object without such casts, and without parentheses around a single thing."""
        if key.startswith(("view ", "materialized view ")):
            return facts  # its columns get their types from them
        relation = self._schema.relations.get(key, "")
        return _without_casts(facts, self._of_text.get(relation, frozenset()) if relation else frozenset())

    @cached_property
    def _of_text(self) -> dict[str, set[str]]:
        """Columns that are of a kind of text, by relation."""
        found: dict[str, set[str]] = defaultdict(set)
        for key, facts in self._schema.facts.items():
            if key.startswith(_COLUMN) and not key.startswith(_ORDER) and _TEXT.match(facts):
                relation = self._schema.relations.get(key, "")
                found[relation].add(key.removeprefix(f"{_COLUMN}{relation}."))
        return found


def _without_casts(text: str, columns: Collection[str]) -> str:
    if "::" not in text and "((" not in text:
        return text
    literals: list[str] = []

    def hide(literal: re.Match[str]) -> str:
        literals.append(literal[0])
        return f"\0{len(literals)}\0"

    def cut(cast: re.Match[str]) -> str:
        return "" if _is_text(_operand(hidden, cast.start()), columns) else cast[0]

    hidden = _LITERAL.sub(hide, text)
    bare, count = _CAST.sub(cut, hidden), 1
    while count:
        bare, single = _AROUND_ONE.subn(r"\1", bare)
        bare, double = _DOUBLE.subn(r"(\1)", bare)
        count = single + double
    return "\n".join([bare, *literals])


def _operand(text: str, end: int) -> str:
    """What stands in the parentheses or brackets before a place; empty where there are none, as behind a literal."""
    if not text[:end].endswith((")", "]")):
        return ""
    depth, start = 0, end
    while start > 0:
        start -= 1
        depth += (text[start] in ")]") - (text[start] in "([")
        if depth == 0:
            return text[start + 1 : end - 1]
    return text[:end]


def _is_text(operand: str, columns: Collection[str]) -> bool:
    known = (columns, _PASS_ON, _OF_TYPES)
    names = _NAME.findall(operand)
    return all(name.startswith("\0") or any(name in one for one in known) for name in names) or bool(
        _GIVES_TEXT.fullmatch(operand)
    )
