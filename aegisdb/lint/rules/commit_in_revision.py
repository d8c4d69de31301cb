"""A revision does not end the transaction that it runs in."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, TypeGuard

from aegisdb.lint.rule import Rule
from aegisdb.lint.transaction_origins import Origins

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.rule import Complaint, Context, RevisionFile

_ENDING = frozenset({"commit", "abort", "end", "begin"})


def _check(file: RevisionFile, context: Context) -> Iterator[Complaint]:
    del context
    calls = [node for node in file.nodes if _is_call(node)]
    origins = Origins(file.nodes) if calls else None
    for node in calls:
        if origins is not None and origins.ends_own(node):
            yield node.lineno, f"{ast.unparse(node)} ends the revision's own transaction"
    for step in (*file.upgrade, *file.downgrade):
        for line, statement in step.statements() if step.raw else ():
            if _ends(statement.verb, [token.text for token in statement.tokens[1:3]]):
                yield line, f"{statement.verb.upper()} ends or starts a transaction inside the revision's own"


def _is_call(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {"commit", "rollback"} and not node.args


def _ends(verb: str, after: list[str]) -> bool:
    if verb == "rollback":
        return after[:1] != ["to"]
    if verb in {"prepare", "start"}:
        return after[:1] == ["transaction"]
    return verb in _ENDING


RULE = Rule(
    id="commit-in-revision",
    summary="A revision does not commit by itself.",
    fix="leave the transaction to Alembic; for what must be committed apart, `op.get_context().autocommit_block()`",
    check=_check,
)
