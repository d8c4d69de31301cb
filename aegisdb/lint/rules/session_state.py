"""A revision leaves its session as it found it: what outlives the transaction is not there for the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.lint.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aegisdb.lint.rule import Complaint, Context, RevisionFile
    from aegisdb.lint.statements import Statement
    from aegisdb.lint.steps import Step

_OF_TRANSACTION = {"local", "constraints", "transaction"}
_BEFORE_NAME = {"session", "table", "temp", "temporary", "if", "not", "exists", "global", "local", "unlogged"}


def _check(file: RevisionFile, context: Context) -> Iterator[Complaint]:
    del context
    for steps in (file.upgrade, file.downgrade):
        found = [(line, s) for step in steps for line, s in _statements(step)]
        undone = {name for _, statement in found for name in _undone(_words(statement))}
        for line, statement in found:
            state = _left(_words(statement))
            if state and not (undone & {state[1], "all"}):
                yield line, f"{state[0]} outlives the revision, and a later run does not have it", state[2]


def _statements(step: Step) -> Iterator[tuple[int, Statement]]:
    yield from step.statements() if step.raw else ()


def _words(statement: Statement) -> list[str]:
    return [token.text.lower() for token in statement.tokens]


def _left(words: Sequence[str]) -> tuple[str, str, str] | None:
    """What the statement leaves in the session, its name, and what to write instead."""
    verb, second = words[0], words[1] if len(words) > 1 else ""
    if verb == "set" and second not in _OF_TRANSACTION and "default" not in words[-1:]:
        name = _name(words[1:])
        return f"SET {name}", name, f"SET LOCAL {name}, or RESET {name} at the end of the function"
    if verb == "create" and {"temp", "temporary"} & set(words[1:3]) and "table" in words[:4]:
        name = _name(words[1:])
        together = " ".join(words)
        if "on commit drop" not in together:
            return f"temporary table {name}", name, "write ON COMMIT DROP"
    if verb == "prepare" and second != "transaction":
        return f"PREPARE {second}", second, f"DEALLOCATE {second} at the end of the function"
    if verb == "listen":
        return f"LISTEN {second}", second, "leave it to the application"
    return None


def _undone(words: Sequence[str]) -> Iterator[str]:
    verb = words[0]
    if verb in {"reset", "deallocate", "unlisten", "discard"} or (verb == "drop" and "table" in words[:2]):
        yield _name(words[1:])
    if verb == "set" and words[-1] == "default":
        yield _name(words[1:])


def _name(words: Sequence[str]) -> str:
    left = [word for word in words if word not in _BEFORE_NAME]
    if left[:2] == ["time", "zone"]:
        return "timezone"
    return left[0] if left else ""


RULE = Rule(
    id="session-state",
    summary="A revision leaves its session as it found it.",
    fix="SET LOCAL, ON COMMIT DROP, or undo it at the end of the function",
    check=_check,
)
