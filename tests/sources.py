"""Modules of the product as syntax trees, each read, parsed and walked once in a process, whoever asks.

Many tests judge the whole tree by its sources, and parsing it takes longer than all that they ask.
"""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar, overload

from tests.invoke import ROOT

TOPS = ("aegisdb", "tasks")
_Node = TypeVar("_Node", bound=ast.AST)
_Other = TypeVar("_Other", bound=ast.AST)


class Source:
    """One file; trees are shared, so nobody may change them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        """What is written in it."""
        return self.path.read_text("utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        with _no_collection():
            return ast.parse(self.text)

    @cached_property
    def _by_class(self) -> Mapping[type[ast.AST], list[ast.AST]]:
        found: dict[type[ast.AST], list[ast.AST]] = {}
        for node in ast.walk(self.tree):
            found.setdefault(type(node), []).append(node)
        return found

    @overload
    def nodes(self, kind: type[_Node], /) -> Iterator[_Node]: ...

    @overload
    def nodes(self, kind: type[_Node], other: type[_Other], /) -> Iterator[_Node | _Other]: ...

    def nodes(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        """Every node of exactly these classes."""
        for kind in kinds:
            yield from self._by_class.get(kind, ())


@contextmanager
def _no_collection() -> Iterator[None]:
    """Nodes are no garbage, and looking for some among them takes as long as parsing."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@cache
def sources() -> Mapping[str, Source]:
    """Every module of the two packages, by its dotted name."""
    files = (path for top in TOPS for path in sorted((ROOT / top).rglob("*.py")))
    return MappingProxyType({_dotted(path): Source(path) for path in files})


def of_engine() -> list[Source]:
    """Those of the engine, without what is typed."""
    return [source for name, source in sources().items() if name.partition(".")[0] == TOPS[0]]


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
