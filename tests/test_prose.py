"""A docstring begins with a verb or a noun that names its thing (docs/design.md)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.sources import Source, sources

VAGUE = re.compile(
    r"(It|Both|Who|Whoever|They|That|Those|There|He|She|What somebody"
    r"|The same|The one that|How it|Everyone|Of|Without)\b"
)
"""Words that name nothing."""


def _docstrings(source: Source) -> Iterator[tuple[int, str]]:
    """Every text that stands as a statement: docstrings, and what is said about attributes and constants."""
    for node in source.nodes(ast.Expr):
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def test_docstrings_name_their_thing() -> None:
    wrong = [
        f"{source.place}:{line}"
        for source in sources().values()
        for line, text in _docstrings(source)
        if VAGUE.match(text.strip())
    ]
    assert wrong == []
