"""The sizes of docs/design.md: a module has fewer than 300 lines, a function fewer than 40 beside its docstring."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.test_layers import modules

MODULE, FUNCTION = 300, 40


def _functions(text: str) -> Iterator[tuple[str, int]]:
    """Each function with its lines, those of its docstring left out."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, _lines(node) - (_lines(node.body[0]) if ast.get_docstring(node) else 0)


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_module_is_long() -> None:
    lengths = {name: len(path.read_text("utf-8").splitlines()) for name, path in modules().items()}
    assert {name: lines for name, lines in lengths.items() if lines >= MODULE} == {}


def test_no_function_is_long() -> None:
    lengths = {
        f"{name}.{function}": lines
        for name, path in modules().items()
        for function, lines in _functions(path.read_text("utf-8"))
    }
    assert {function: lines for function, lines in lengths.items() if lines >= FUNCTION} == {}
