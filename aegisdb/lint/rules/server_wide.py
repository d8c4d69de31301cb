"""A revision changes its own database only: roles, tablespaces and settings of the server belong to all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.lint.rule import Rule
from aegisdb.lint.statements import body_value, statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.rule import Complaint, Context, RevisionFile
    from aegisdb.lint.statements import Statement

_OBJECTS = ("role", "user", "group", "tablespace", "subscription")  # the last one: in a catalog of the server, too
_PHRASES = (
    *((verb, kind) for verb in ("create", "alter", "drop") for kind in _OBJECTS),
    ("alter", "system"),
    ("comment", "on", "role"),
    ("comment", "on", "tablespace"),
)
_TELLING = frozenset({*_OBJECTS, "system", "grant", "revoke"})
"""Words of which a statement that changes the server has one."""
_OF_DATABASE = (("user", "mapping"), ("in", "database"))
"""What begins alike and stays in one database."""


def _check(file: RevisionFile, context: Context) -> Iterator[Complaint]:
    del context
    for step in (*file.upgrade, *file.downgrade):
        for line, statement in step.statements() if step.raw else ():
            said = next(filter(None, map(_server_wide, _with_bodies(statement))), "")
            if said:
                yield (
                    line,
                    f"{said} changes the whole server: every trial of the revision does it there, too",
                    "do it where the server is made: init SQL, or whoever provides it",
                )


def _with_bodies(statement: Statement) -> Iterator[Statement]:
    """The statement, and those in the body of a DO."""
    yield statement
    if statement.verb == "do":
        for token in statement.tokens:
            if token.kind == "body":
                yield from statements(body_value(token))


def _server_wide(statement: Statement) -> str:
    """What the statement does to the server, in words of SQL; empty where it stays in its database."""
    if statement.words.isdisjoint(_TELLING):  # most statements
        return ""
    if any(statement.has(*words) for words in _OF_DATABASE):
        return ""
    if statement.verb in {"grant", "revoke"} and not statement.has("on"):
        return f"{statement.verb.upper()} of a role"
    return " ".join(next((words for words in _PHRASES if statement.has(*words)), ())).upper()


RULE = Rule(
    id="server-wide",
    summary="A revision changes its own database and not the whole server.",
    fix="make roles, tablespaces and settings of the server where the server is made",
    check=_check,
)
