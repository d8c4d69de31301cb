"""A value that was added to an enum cannot be used before its transaction ends."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from aegisdb.lint.rule import Rule
from aegisdb.lint.statements import statements, string_value
from aegisdb.lint.steps import walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.rule import Complaint, Context, RevisionFile
    from aegisdb.lint.steps import Step


def _check(file: RevisionFile, context: Context) -> Iterator[Complaint]:
    del context
    for steps in (file.upgrade, file.downgrade):
        added: dict[str, str] = {}
        made: set[str] = set()
        if not any(act.kind == "value" for step in steps for act in step.acts):
            continue
        for step in steps:
            if step.autocommit:
                continue
            # only what was there before has values that are not to be used yet
            made |= {act.name for act in step.acts if act.verb == "create" and act.kind == "type"}
            for value in sorted(_mentioned(step) & added.keys()):
                yield step.line, f"'{value}' was added to {added[value]} in this very transaction and is used here"
            added |= {a.value: a.name for a in step.acts if a.kind == "value" and a.value and a.name not in made}


def _mentioned(step: Step) -> set[str]:
    """Texts that the step gives to the database."""
    in_sql = {string_value(t) for s in statements(step.sql) for t in s.tokens if t.kind == "string"}
    if step.raw:
        return in_sql
    constants = (n.value for n in walk(step.call) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    return {part for text in constants for part in (text, *(_in_quotes(text)))}


def _in_quotes(text: str) -> Iterator[str]:
    return (string_value(t) for s in statements(text) for t in s.tokens if t.kind == "string")


RULE = Rule(
    id="enum-value-used",
    summary="A new enum value is used in a later transaction than the one that adds it.",
    fix="add the value in a revision before, or inside `with op.get_context().autocommit_block():`",
    check=_check,
)
