"""Statements that may fail: each runs behind a savepoint, and the server's message is kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .error_report import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from .channel import Message

NOT_NULL, FOREIGN_KEY, UNIQUE, CHECK, EXCLUSION = "23502", "23503", "23505", "23514", "23P01"
ABOUT_VALUES = frozenset({FOREIGN_KEY, UNIQUE, CHECK, EXCLUSION})
"""SQLSTATEs that refuse one value where another might do."""
_NO_ROW = {"error": "NoRow", "sqlstate": "", "column": "", "constraint": ""}
NO_ROW = {**_NO_ROW, "message": "it has no row, and none could be made"}
NO_KEY = {**_NO_ROW, "message": "it has no primary key to tell a row by"}
_CANCELED = "57014"
LONGEST = 10
"""Seconds that one statement may take: a trigger of a new revision may never end."""
_COLUMN = re.compile(r'column "?(?:\w+\.)?([^"\s]+)"?')
_SHOWN = 60
_CONSTRAINT = re.compile(r'constraint "([^"]+)"')


class NotOver(Exception):
    """A statement was ended, as it took too long; the next one on this table would, too."""

    says_all = True
    hint = ""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def attempt(connection: Any, do: Callable[[], Any], *, keep: bool = False) -> tuple[Any, Message | None]:
    """Return the result of `do`, or why it failed; it is undone unless it is to be kept."""
    point = connection.begin_nested()
    try:
        found = do()
    except Exception as error:  # noqa: BLE001  types of a service may raise anything, too
        point.rollback()
        told = _failure(error)
        if told["sqlstate"] == _CANCELED:
            statement = " ".join(str(getattr(error, "statement", "")).split())
            raise NotOver(f"{statement[:_SHOWN]}... was not over after {LONGEST} s") from None
        return None, told
    point.commit() if keep else point.rollback()
    return found, None


def _failure(error: Exception) -> Message:
    """Describe an error: kind, message, SQLSTATE, and the column or constraint that it names."""
    told = describe(error, kind="")
    told = {name: told.get(name, "") for name in ("error", "message", "sqlstate")}
    original = getattr(error, "orig", None)
    diagnostics = getattr(original, "diag", None) or getattr(original, "__cause__", None)
    for kind, pattern in (("column", _COLUMN), ("constraint", _CONSTRAINT)):
        said = pattern.search(told["message"])
        told[kind] = getattr(diagnostics, f"{kind}_name", None) or (said[1] if said and told["sqlstate"] else "")
    return told
