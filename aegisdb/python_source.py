"""Parsing of Python's source, by one thread at a time."""

from __future__ import annotations

import ast
import threading

_ALONE = threading.Lock()


def parse(source: bytes | str, filename: str = "<unknown>") -> ast.Module:
    """Parse the source of a module; raises as `ast.parse`.

    CPython 3.11 counts the depth of what it makes in one place for all threads: where the collector of garbage lets
    another thread parse meanwhile, `ast.parse` raises SystemError ("AST constructor recursion depth mismatch", seen
    with 3.11.7; CPython's issue 106905).
    """
    with _ALONE:
        return ast.parse(source, filename)
