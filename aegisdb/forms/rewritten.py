"""The text of a revision without what its steps do instead."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from aegisdb import python_source
from aegisdb.forms.step import plain
from aegisdb.revisions.downgrades import does_nothing, function_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from aegisdb.lint import RevisionFile
    from aegisdb.lint.steps import Step

Operation = tuple[str, str, str]
"""Kind, table and name."""


class NotAlone(Exception):
    """What the steps do cannot be taken out of the file; the message says why."""


def without(file: RevisionFile, operations: Collection[Operation]) -> str:
    """The text without these operations; empty where upgrade() has nothing left.

    Raises:
        NotAlone: an operation is not a statement of its own in upgrade().
    """
    found = [*_matching(file.upgrade, operations)]
    if missing := set(operations) - {operation for _, operation in found}:
        kind, table, name = min(missing)
        where = f"{table}.{name}" if table else name
        raise NotAlone(f"no statement of upgrade() is found that changes the {kind} {where}")
    gone = [step for step, _ in (*found, *_matching(file.downgrade, operations))]
    lines = file.source.splitlines(keepends=True)
    for function in ("upgrade", "downgrade"):
        _take_out(file, function, [step.call for step in gone], lines)
    text = "".join(lines)
    up = function_of(python_source.parse(text), "upgrade")
    return "" if up is None or does_nothing(up) else text


def _matching(steps: tuple[Step, ...], operations: Collection[Operation]) -> Iterator[tuple[Step, Operation]]:
    for step in steps:
        done = {*_done(step)}
        for operation in done & set(operations):
            if len(done) > 1 or len([*step.statements()]) > 1:
                raise NotAlone(f"line {step.line} does more than one thing")
            yield step, operation


def _done(step: Step) -> Iterator[Operation]:
    """What a step does, as forms name it."""
    for act in step.acts:
        if act.kind == "index":
            yield "index", "", act.name.rpartition(".")[2]
        elif act.kind in {"column", "constraint"}:
            yield act.kind, _own(act.table), act.name
    for _, statement in step.statements() if step.raw else ():
        words = [token.text for token in statement.tokens]
        altered = [at for at, word in enumerate(words[:-2]) if word == "alter" and at]
        for at in altered:
            yield "column", _own(step.acts[0].table if step.acts else ""), words[at + 1 + (words[at + 1] == "column")]


def _own(table: str) -> str:
    return plain(table).rpartition(".")[2]


def _take_out(file: RevisionFile, function: str, calls: list[ast.Call], lines: list[str]) -> None:
    """Blank out the statements of a function that are these calls; its last one leaves a `pass`."""
    node = function_of(file.tree, function)
    if node is None:
        return
    inside = [call for call in calls if node.lineno <= call.lineno <= (node.end_lineno or node.lineno)]
    alone = {id(one.value): one for one in node.body if isinstance(one, ast.Expr)}
    if any(id(call) not in alone for call in inside):
        raise NotAlone(f"a statement of {function}() that changes it is inside of another one")
    for call in {id(call): call for call in inside}.values():
        statement = alone[id(call)]
        for at in range(statement.lineno - 1, statement.end_lineno or statement.lineno):
            lines[at] = ""
    left = [one for one in node.body if not (isinstance(one, ast.Expr) and any(one.value is call for call in inside))]
    if inside and all(isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) for one in left):
        lines[inside[0].lineno - 1] = f"{' ' * inside[0].col_offset}pass\n"
