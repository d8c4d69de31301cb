"""Texts of revision files with something added or put into their functions; the rest stays as it is."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from aegisdb import python_source
from aegisdb.errors import HistoryError
from aegisdb.revisions.downgrades import function_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_IDS = {"revision", "down_revision", "branch_labels", "depends_on"}


def beside_ids(text: str, added: str) -> str:
    """The text with these lines behind `revision`, `down_revision` and the like."""
    tree = python_source.parse(text)
    ends = [
        node.end_lineno or 0
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and _IDS & {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    ]
    lines = text.splitlines(keepends=True)
    lines.insert(max(ends, default=len(lines)), added)
    return "".join(lines)


def with_body(text: str, function: str, body: Sequence[str]) -> str:
    """The text with these lines in the place of a function's `pass`.

    Raises:
        HistoryError: there is no such function with a `pass` on a line of its own.
    """
    found = function_of(python_source.parse(text), function)
    last = found.body[-1] if found else None
    if found is None or not isinstance(last, ast.Pass) or last.lineno == found.lineno:
        raise HistoryError(
            f"script.py.mako makes no {function}() whose last line is `pass`",
            hint="steps are written into what the template makes of an empty revision",
        )
    lines = text.splitlines(keepends=True)
    indent = " " * last.col_offset
    lines[last.lineno - 1 : last.lineno] = [f"{indent}{line}".rstrip() + "\n" for line in body]
    return "".join(lines)


def with_import(text: str, module: str) -> str:
    """The text that also imports this module, before its other imports."""
    first = next(
        (n for n in python_source.parse(text).body if isinstance(n, ast.Import | ast.ImportFrom) and not _future(n)),
        None,
    )
    lines = text.splitlines(keepends=True)
    lines.insert(first.lineno - 1 if first else len(lines), f"import {module}\n")
    return "".join(lines)


def _future(node: ast.Import | ast.ImportFrom) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def with_paragraph(text: str, paragraph: Iterable[str], behind: int = 1) -> str:
    """The text with this paragraph behind so many others of its docstring, or as its docstring."""
    told = [line.replace("\\", "\\\\").replace('"""', '\\"\\"\\"') + "\n" for line in paragraph]
    lines = text.splitlines(keepends=True)
    first = python_source.parse(text).body[:1]
    if not (first and isinstance(first[0], ast.Expr) and isinstance(first[0].value, ast.Constant)):
        return "".join(['"""\n', *told, '"""\n', *lines])
    start, end = first[0].lineno - 1, (first[0].end_lineno or first[0].lineno) - 1
    blanks = [at for at in range(start, end) if not lines[at].strip()]
    blank = blanks[behind - 1] if len(blanks) >= behind else None
    if blank is None:
        quotes = lines[end].rstrip()
        lines[end : end + 1] = [f"{quotes[:-3].rstrip()}\n", "\n", *told, f"{quotes[-3:]}\n"]
    else:
        lines[blank:blank] = ["\n", *told]
    return "".join(lines)
