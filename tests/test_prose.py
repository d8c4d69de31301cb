"""A docstring begins with a verb or a noun that names its thing (docs/design.md)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.invoke import ROOT

VAGUE = re.compile(r"(It|Both|Who|Whoever|They|That|Those|There|He|She|What somebody)\b")
"""Words that name nothing."""


def _docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Every text that stands as a statement: docstrings, and what is said about attributes and constants."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def test_docstrings_name_their_thing() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for top in ("aegisdb", "tasks")
        for path in sorted((ROOT / top).rglob("*.py"))
        for line, text in _docstrings(path)
        if VAGUE.match(text.strip())
    ]
    assert wrong == []
