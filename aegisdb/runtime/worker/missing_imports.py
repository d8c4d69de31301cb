"""Adds to a new revision file the imports that its types need: Alembic writes `pgvector.sqlalchemy...` alone."""

from __future__ import annotations

import ast
import builtins
import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def add(path: Path) -> None:
    """Put them behind the last import of the file; what is no module stays as it is, and the proof tells it."""
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    missing = sorted({line for name in _unbound(tree) if (line := _import(name))})
    if not missing:
        return
    ends = [node.end_lineno or 0 for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    lines = text.splitlines(keepends=True)
    at = max(ends, default=0)
    lines[at:at] = [f"{line}\n" for line in missing]
    path.write_text("".join(lines), "utf-8")


def _unbound(tree: ast.Module) -> Iterator[str]:
    """Dotted names whose first part nothing in the file defines."""
    bound = {*dir(builtins), *_bound(tree)}
    inner: set[ast.AST] = set()
    for node in ast.walk(tree):
        if node in inner or not isinstance(node, ast.Name | ast.Attribute):
            continue
        parts: list[str] = []
        step: ast.AST = node
        while isinstance(step, ast.Attribute):
            parts.insert(0, step.attr)
            inner.add(step.value)
            step = step.value
        if isinstance(step, ast.Name) and step.id not in bound:
            yield ".".join([step.id, *parts])


def _bound(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def _import(name: str) -> str:
    """The line that makes a dotted name known; empty where nothing does."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:length])
        if module in sys.modules or _is_module(module):
            return f"import {module}"
    import sqlalchemy

    return f"from sqlalchemy import {name}" if len(parts) == 1 and hasattr(sqlalchemy, name) else ""


def _is_module(name: str) -> bool:
    try:
        importlib.import_module(name)
    except Exception:  # noqa: BLE001  a module of a service may raise anything when it is imported
        return False
    return True
