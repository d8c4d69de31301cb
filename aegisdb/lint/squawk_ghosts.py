"""What squawk says of statements that PostgreSQL does otherwise: no row is read or written for them.

Each kind was tried on a server, which says at `client_min_messages = debug1` whether it rewrites or verifies a table.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aegisdb.lint.statements import statements

if TYPE_CHECKING:
    from collections.abc import Mapping

_GENERATED = re.compile(r"GENERATED\s+ALWAYS\s+AS\b", re.IGNORECASE)
_STORED = re.compile(r"\bSTORED\s*$", re.IGNORECASE)
_NOT_ENFORCED = re.compile(r"\bNOT\s+ENFORCED\s*$", re.IGNORECASE)
_COLUMN = re.compile(r"\bADD\s+(?:COLUMN\s+)?(?!CONSTRAINT\b|FOREIGN\b)[^,]*$", re.IGNORECASE)
_DEFAULT = re.compile(r"\bDEFAULT\b", re.IGNORECASE)
_STEADY = frozenset(
    {
        "and",
        "array",
        "as",
        "at",
        "case",
        "cast",
        "current_catalog",
        "current_date",
        "current_role",
        "current_schema",
        "current_time",
        "current_timestamp",
        "current_user",
        "date",
        "else",
        "end",
        "false",
        "interval",
        "is",
        "json_build_array",
        "json_build_object",
        "jsonb_build_array",
        "jsonb_build_object",
        "localtime",
        "localtimestamp",
        "lower",
        "not",
        "now",
        "null",
        "or",
        "session_user",
        "statement_timestamp",
        "then",
        "time",
        "timestamp",
        "timestamptz",
        "timezone",
        "to_timestamp",
        "transaction_timestamp",
        "true",
        "upper",
        "user",
        "when",
        "with",
        "without",
        "zone",
    }
)
"""Words of an expression that has one value for all rows; a function that is not among them may have many."""


def is_ghost(script: str, complaint: Mapping[str, Any]) -> bool:
    """Whether PostgreSQL does not do what a complaint of squawk about this script says."""
    before, named, after = _around(script, complaint)
    rule = complaint["rule_name"]
    if rule == "adding-field-with-default":
        return not _STORED.search(named) if _GENERATED.match(named) else is_steady(named)
    if rule == "constraint-missing-not-valid":
        return bool(_NOT_ENFORCED.search(named))
    if rule == "adding-foreign-key-constraint":
        return bool(_NOT_ENFORCED.search(named)) or _is_of_empty_column(before, named, after)
    return False


def _around(script: str, complaint: Mapping[str, Any]) -> tuple[str, str, str]:
    """The text before what a complaint names, that itself, and the text after it; squawk counts bytes of a line."""
    lines = [line.encode() for line in script.splitlines(keepends=True)]
    start, end = (
        sum(map(len, lines[: complaint[line]])) + complaint[column]
        for line, column in (("line", "column"), ("line_end", "column_end"))
    )
    whole = b"".join(lines)
    return tuple(part.decode(errors="replace") for part in (whole[:start], whole[start:end], whole[end:]))  # type: ignore[return-value]


def is_steady(expression: str) -> bool:
    """Whether an expression is worked out once: constants, operators, casts and functions that are known."""
    cast = ""
    for statement in statements(expression):
        for token in statement.tokens:
            if token.kind in {"quoted", "body"}:
                return False
            if token.kind == "word" and token.text not in _STEADY and not cast.endswith("::"):
                return False
            cast = (cast + token.text)[-2:] if token.kind == "other" else ""
    return True


def _is_of_empty_column(before: str, named: str, after: str) -> bool:
    """Whether a foreign key comes with a column that is NULL in every row."""
    written = before.rpartition(";")[2]
    rest = re.split(r"[,;]", after, maxsplit=1)[0]
    begun = _COLUMN.search(written)
    return begun is not None and named[:10].upper() == "REFERENCES" and not _DEFAULT.search(begun[0] + rest)
