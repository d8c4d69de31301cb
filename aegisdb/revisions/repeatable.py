"""Whether a revision that died half-way may be run again from its beginning, as its text says."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from aegisdb import python_source
from aegisdb.revisions.downgrades import function_of
from aegisdb.revisions.literals import Literals, NotWritten

if TYPE_CHECKING:
    from aegisdb.revisions.parse import Revision

_BACKFILL = "backfill"


def is_repeatable(revision: Revision) -> bool:
    """Whether the file says that its upgrade may be run again: `repeatable = "reason"`, or there are only backfills."""
    tree = _tree(revision)
    return tree is not None and repeatable(tree)


def repeatable(tree: ast.Module) -> bool:
    """Whether a file that is read already says that its upgrade may be run again."""
    return _says_so(tree) or only_backfills(tree)


def goes_on(revision: Revision) -> bool:
    """Whether running it again goes on where it was: what it committed are rows, and a backfill knows which."""
    tree = _tree(revision)
    return tree is not None and only_backfills(tree)


def only_backfills(tree: ast.Module) -> bool:
    """Whether upgrade() does nothing but call `aegisdb.backfill`."""
    function = function_of(tree, "upgrade")
    if function is None:
        return False
    calls = [node for node in function.body if not _is_text(node)]
    return bool(calls) and all(isinstance(node, ast.Expr) and is_backfill(node.value) for node in calls)


def is_backfill(node: ast.expr) -> bool:
    """Whether it is a call of `aegisdb.backfill`, also of one that is imported by its name."""
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr == _BACKFILL and isinstance(function.value, ast.Name) and function.value.id == "aegisdb"
    return isinstance(function, ast.Name) and function.id == _BACKFILL


def _tree(revision: Revision) -> ast.Module | None:
    try:
        return python_source.parse(revision.source)
    except (SyntaxError, ValueError, OSError):
        return None


def _says_so(tree: ast.Module) -> bool:
    literals = Literals(tree)
    try:
        value = literals.value("repeatable") if literals.has("repeatable") else None
    except NotWritten:
        return False
    return value is True or (isinstance(value, str) and bool(value.strip()))


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
