"""The sizes of docs/design.md: a module has fewer than 300 lines, a function fewer than 40 beside its docstring."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.sources import Source, sources

MODULE, FUNCTION = 300, 40


def _functions(source: Source) -> Iterator[tuple[str, int]]:
    """Each function with its lines, those of its docstring left out."""
    for node in source.nodes(ast.FunctionDef, ast.AsyncFunctionDef):
        yield node.name, _lines(node) - (_lines(node.body[0]) if ast.get_docstring(node, clean=False) else 0)


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_module_is_long() -> None:
    lengths = {name: len(source.text.splitlines()) for name, source in sources().items()}
    assert {name: lines for name, lines in lengths.items() if lines >= MODULE} == {}


def test_no_function_is_long() -> None:
    lengths = {
        f"{name}.{function}": lines for name, source in sources().items() for function, lines in _functions(source)
    }
    assert {function: lines for function, lines in lengths.items() if lines >= FUNCTION} == {}
