"""What a revision's downgrade() is by its text: written, empty, or not there."""

from __future__ import annotations

import ast
from typing import Literal

Downgrade = Literal["missing", "empty", "raises", "written"]

_COMMITTING = ("autocommit_block", "commit(", "COMMIT", "isolation_level")


def downgrade_of(tree: ast.Module) -> Downgrade:
    """What the function `downgrade` of a file is; one that is no plain function counts as written."""
    function = function_of(tree, "downgrade")
    if function is None:
        named = any(_names(node) for node in tree.body)
        return "written" if named else "missing"
    if does_nothing(function):
        return "empty"
    return "raises" if _only_raises(function) else "written"


def function_of(tree: ast.Module, name: str) -> ast.FunctionDef | None:
    """A function of the file's top level."""
    return next((n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name), None)


def does_nothing(function: ast.FunctionDef) -> bool:
    """Whether there is nothing but `pass`, a text, or an empty return."""
    return all(
        isinstance(node, ast.Pass)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.Return) and node.value is None)
        for node in function.body
    )


def may_commit(source: str) -> bool:
    """Whether a failing step of this file may have committed something, as far as its text tells."""
    return any(word in source for word in _COMMITTING)


def _only_raises(function: ast.FunctionDef) -> bool:
    rest = [node for node in function.body if not isinstance(node, ast.Expr)]
    return len(rest) == 1 and isinstance(rest[0], ast.Raise)


def _names(node: ast.stmt) -> bool:
    """Whether a statement of the top level may give the name `downgrade` to something."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return False
    return any(
        (isinstance(part, ast.Name) and part.id == "downgrade")
        or (isinstance(part, ast.alias) and (part.asname or part.name) in {"downgrade", "*"})
        or (isinstance(part, ast.FunctionDef) and part.name == "downgrade")
        for part in ast.walk(node)
    )
