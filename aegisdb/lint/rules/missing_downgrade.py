"""What goes up can come down, or says why not."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from aegisdb.lint.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.rule import Complaint, Context, RevisionFile


def _check(file: RevisionFile, context: Context) -> Iterator[Complaint]:
    del context
    up, down = file.function("upgrade"), file.function("downgrade")
    if file.revision.one_way or up is None or _does_nothing(up):
        return
    if down is None:
        yield up.lineno, "there is no downgrade()"
    elif _does_nothing(down):
        yield down.lineno, "downgrade() does nothing, so what upgrade() made stays behind"
    elif _only_raises(down):
        yield down.lineno, "downgrade() only raises, and nothing says so before it is tried"


def _does_nothing(function: ast.FunctionDef) -> bool:
    return all(
        isinstance(node, ast.Pass)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.Return) and node.value is None)
        for node in function.body
    )


def _only_raises(function: ast.FunctionDef) -> bool:
    rest = [node for node in function.body if not isinstance(node, ast.Expr)]
    return len(rest) == 1 and isinstance(rest[0], ast.Raise)


RULE = Rule(
    id="missing-downgrade",
    summary="downgrade() is there and reverts what upgrade() does.",
    fix='write downgrade(), or say `one_way = "reason"` beside `revision`',
    check=_check,
)
