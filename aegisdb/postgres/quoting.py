"""SQL identifiers and literals as text, for the statements that take no parameters (DDL)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_NAME_BYTES = 63
"""PostgreSQL cuts longer names silently (NAMEDATALEN - 1), so two long names could become one."""


def quote_ident(name: str) -> str:
    """The name in double quotes, whatever it holds.

    Raises:
        BadInput: empty, a NUL in it, or over 63 bytes.
    """
    if not name or "\0" in name:
        raise BadInput("a PostgreSQL name must not be empty or hold a NUL", code="name")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise BadInput(f"the name {name!r} is longer than PostgreSQL's {MAX_NAME_BYTES} bytes", code="name")
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    r"""The text as a string literal; E'' syntax where it holds a backslash, so no server setting changes its meaning.

    Raises:
        BadInput: a NUL in it.
    """
    if "\0" in text:
        raise BadInput("PostgreSQL text cannot hold a NUL", code="name")
    doubled = text.replace("'", "''")
    if "\\" in doubled:
        return "E'" + doubled.replace("\\", "\\\\") + "'"
    return f"'{doubled}'"


def cut_name(name: str, limit: int) -> str:
    """The longest start of the name that fits into `limit` bytes and does not end inside a character."""
    return name.encode()[:limit].decode(errors="ignore")


def filled(sql: str, params: Sequence[Any]) -> str:
    """A statement whose `%s` are literals."""
    return sql % tuple(map(_literal, params)) if params else sql


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(_literal, value))}]" if value else "'{}'"
    return str(value) if isinstance(value, int | float) else quote_literal(value)
