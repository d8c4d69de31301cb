"""Mutants: a part of a function of aegisdb/ is taken out, found by the function's name and a word in it.

A function is named as its qualified name is, without "<locals>". What is taken out is one place in it, whatever its
spelling: who formats, moves or rewrites the lines around it changes nothing here.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

Change = Callable[[ast.AST], int]
"""Changes the tree of a function, and returns in how many places."""


@dataclass(frozen=True)
class Mutation:
    """One part of one fault's feature, and how to take it out."""

    fault: int
    feature: str
    place: str
    """A file below aegisdb/, a colon, and the function; nothing behind the colon for the module itself."""
    changes: tuple[Change, ...]
    tests: tuple[str, ...]
    """Below tests/, each named in the fault's row of docs/faults.md; all must fail, one set of parameters at least."""
    hangs: bool = False
    """Without the feature nothing ends, so that a test which is out of time has failed rightly."""

    @property
    def file(self) -> str:
        """Below aegisdb/."""
        return self.place.partition(":")[0]

    def applied(self, text: str) -> str:
        """The file's text without the feature, and without comments.

        Raises:
            ValueError: no such function, or a change fits no place or several.
        """
        tree = ast.parse(text)
        function = _function(tree, self.place.partition(":")[2])
        if function is None:
            raise ValueError(f"{self.place}: no such function")
        for number, change in enumerate(self.changes, start=1):
            if (places := change(function)) != 1:
                raise ValueError(f"{self.place}, {self.feature}: change {number} fits {places} places")
        return ast.unparse(ast.fix_missing_locations(tree))


def never(word: str) -> Change:
    """The one condition that reads this name, attribute, keyword or text is false."""
    return _condition(word, value=False)


def always(word: str) -> Change:
    """The one condition that reads this name, attribute, keyword or text is true."""
    return _condition(word, value=True)


def answers(value: str) -> Change:
    """The function does nothing but return this value."""

    def change(function: ast.AST) -> int:
        assert isinstance(function, ast.FunctionDef)
        function.body = _statements(f"return {value}")
        return 1

    return change


def first(statements: str) -> Change:
    """The function begins with these statements."""

    def change(function: ast.AST) -> int:
        assert isinstance(function, ast.FunctionDef)
        documented = ast.get_docstring(function) is not None
        function.body[documented:documented] = _statements(statements)
        return 1

    return change


def instead(word: str, statements: str) -> Change:
    """The one innermost statement that reads or makes `word` becomes these statements."""

    def change(function: ast.AST) -> int:
        found = 0
        for node in [*ast.walk(function)]:
            for body in _bodies(node):
                fitting = [one for one in body if not _is_compound(one) and word in _words(one)]
                for statement in fitting:
                    at = body.index(statement)
                    body[at : at + 1] = _statements(statements)
                found += len(fitting)
        return found

    return change


def call(name: str, value: str) -> Change:
    """The one call of `name`, a function or method, becomes this value."""
    return _nodes(lambda node: isinstance(node, ast.Call) and _last_name(node.func) == name, value)


def swap(old: str, value: str) -> Change:
    """The one expression that says the same as `old` becomes this value."""
    wanted = ast.dump(_expression(old))
    return _nodes(lambda node: isinstance(node, ast.expr) and ast.dump(node) == wanted, value)


def argument(name: str, value: str) -> Change:
    """The one value that is given by this keyword, or assigned to this key of a dict, is another."""

    def change(function: ast.AST) -> int:
        found = 0
        for node in ast.walk(function):
            if isinstance(node, ast.Dict):
                same = [at for at, key in enumerate(node.keys) if _is_text(key, name)]
                for at in same:
                    node.values[at] = _expression(value)
                found += len(same)
            elif isinstance(node, ast.keyword | ast.Assign) and _is_given(node, name):
                node.value = _expression(value)
                found += 1
        return found

    return change


def text(old: str, new: str) -> Change:
    """In the one text that has `old` stands `new` instead."""

    def change(function: ast.AST) -> int:
        found = 0
        for node in ast.walk(function):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and old in node.value:
                node.value = node.value.replace(old, new)
                found += 1
        return found

    return change


def _condition(word: str, *, value: bool) -> Change:
    def change(function: ast.AST) -> int:
        found = 0
        for node in ast.walk(function):
            if isinstance(node, ast.comprehension):
                for at, test in enumerate(node.ifs):
                    if word in _words(test):
                        node.ifs[at] = ast.Constant(value)
                        found += 1
            elif isinstance(node, ast.If | ast.IfExp | ast.While) and word in _words(node.test):
                node.test = ast.Constant(value)
                found += 1
        return found

    return change


def _nodes(fits: Callable[[ast.AST], bool], value: str) -> Change:
    class Replacing(ast.NodeTransformer):
        found = 0

        def visit(self, node: ast.AST) -> ast.AST:
            if fits(node):
                self.found += 1
                return _expression(value)
            return self.generic_visit(node)

    def change(function: ast.AST) -> int:
        replacing = Replacing()
        replacing.generic_visit(function)
        return replacing.found

    return change


def _function(tree: ast.AST, name: str) -> ast.AST | None:
    """The function, class or module of this qualified name."""
    for part in filter(None, name.split(".")):
        defined = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        named = [node for node in defined if node.name == part and node is not tree]
        if len(named) != 1:
            return None
        (tree,) = named
    return tree


def _words(node: ast.AST) -> set[str]:
    """Names, attributes, keywords and texts in a piece of code."""
    found = set()
    for one in ast.walk(node):
        found |= {getattr(one, field, None) for field in ("id", "attr", "arg", "value")} - {None}
    return {word for word in found if isinstance(word, str)}


def _is_given(node: ast.keyword | ast.Assign, name: str) -> bool:
    if isinstance(node, ast.keyword):
        return node.arg == name
    (place, *_) = node.targets
    return isinstance(place, ast.Subscript) and _is_text(place.slice, name)


def _is_text(node: ast.expr | None, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text


def _last_name(node: ast.expr) -> str:
    return getattr(node, "attr", getattr(node, "id", ""))


def _bodies(node: ast.AST) -> list[list[ast.stmt]]:
    found = [getattr(node, field, None) for field in ("body", "orelse", "finalbody")]
    return [body for body in found if isinstance(body, list)]


def _is_compound(statement: ast.stmt) -> bool:
    return hasattr(statement, "body")


def _statements(source: str) -> list[ast.stmt]:
    return ast.parse(source).body


def _expression(source: str) -> ast.expr:
    return ast.parse(source, mode="eval").body
