"""What the module-level names of a revision file say, as far as its text tells: literals, and names given one value."""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


class NotWritten(Exception):
    """The value is not written in the file: only running it would tell."""


class Literals:
    """The values of names that a file assigns at its top level."""

    def __init__(self, tree: ast.Module) -> None:
        self.given: dict[str, ast.expr] = {}
        """What the name is given last, at the top level."""
        self.lines: dict[str, int] = {}
        self._stored: Counter[str] = Counter()
        self._used: Counter[str] = Counter()
        tops = {id(node.target) for node in tree.body if isinstance(node, ast.AnnAssign)}
        for node in tree.body:
            for target, value in _assigned(node):
                self.given[target.id], self.lines[target.id] = value, node.lineno
                tops.add(id(target))
        for found in _names(tree):
            if isinstance(found.ctx, ast.Load):
                self._used[found.id] += 1
            elif id(found) not in tops:
                self._stored[found.id] += 1

    def has(self, name: str) -> bool:
        """Whether anything of the module gives the name a value."""
        return name in self.given or bool(self._stored[name])

    def value(self, name: str) -> Any:
        """The value.

        Raises:
            NotWritten: it is no literal, or something below the top level may give it another one.
        """
        return self._of_name(name, frozenset(), uses=0)

    def _of_name(self, name: str, seen: frozenset[str], *, uses: int) -> Any:
        node = self.given.get(name)
        if node is None or name in seen or self._stored[name]:
            raise NotWritten(name)
        # a list may be filled by whoever else names it
        if isinstance(node, ast.List | ast.Set | ast.Dict) and (
            self._used[name] > uses or sum(value is node for value in self.given.values()) > 1
        ):
            raise NotWritten(name)
        return self._of(node, seen | {name})

    def _of(self, node: ast.expr, seen: frozenset[str]) -> Any:
        if isinstance(node, ast.Name):
            return self._of_name(node.id, seen, uses=1)
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            return tuple(self._of(element, seen) for element in node.elts)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return _added(self._of(node.left, seen), self._of(node.right, seen))
        if isinstance(node, ast.JoinedStr):
            return "".join(str(self._of(part, seen)) for part in node.values)
        if isinstance(node, ast.FormattedValue) and node.format_spec is None and node.conversion == -1:
            return self._of(node.value, seen)
        try:
            return ast.literal_eval(node)
        except ValueError:
            raise NotWritten(ast.unparse(node)) from None


def _added(left: Any, right: Any) -> Any:
    if type(left) is type(right) and isinstance(left, str | tuple):
        return left + right
    raise NotWritten("+")


def _assigned(node: ast.stmt) -> Iterator[tuple[ast.Name, ast.expr]]:
    """Names that the statement gives a value, each with its own part: `a = b = 1`, `a, b = 1, 2`."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _parts(target, node.value)
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        yield from _parts(node.target, node.value)


def _parts(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.Name, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target, value
    elif isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
        starred = any(isinstance(one, ast.Starred) for one in (*target.elts, *value.elts))
        if not starred and len(target.elts) == len(value.elts):
            for one, part in zip(target.elts, value.elts, strict=True):
                yield from _parts(one, part)


def _names(tree: ast.Module) -> Iterator[ast.Name]:
    """Names that the module itself uses; what functions and classes do with theirs is left out."""
    left: list[ast.AST] = list(tree.body)
    while left:
        node = left.pop()
        if isinstance(node, ast.Name):
            yield node
        if not isinstance(node, _SCOPES):
            left.extend(ast.iter_child_nodes(node))
