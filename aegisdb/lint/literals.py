"""Texts that an expression of a revision can have, as far as they are written out; nothing is run."""

from __future__ import annotations

import ast
from itertools import product
from typing import Any

UNKNOWN = "__unknown__"
"""Stands for what only running the revision would tell; a name that holds it is not judged."""

_MOST = 60  # values of one expression
_SAME_TEXT = frozenset({"text", "f", "inline_literal", "dedent", "DDL"})
_METHODS = frozenset({"strip", "lstrip", "rstrip", "bindparams", "execution_options"})
Env = dict[str, tuple[Any, ...]]


def values(node: ast.expr | None, env: Env) -> tuple[Any, ...]:
    """Every value that an expression may have: texts, numbers, tuples, dicts; UNKNOWN for the rest."""
    if isinstance(node, ast.Constant):
        return (node.value,)
    if isinstance(node, ast.Name):
        return env.get(node.id, (UNKNOWN,))
    for kind, read in _READERS:
        if isinstance(node, kind):
            found: tuple[Any, ...] = read(node, env)
            return found
    return (UNKNOWN,)


def texts(node: ast.expr | None, env: Env) -> tuple[str, ...]:
    """The values of an expression that are text."""
    return tuple(value for value in values(node, env) if isinstance(value, str))


def elements(node: ast.expr, env: Env) -> tuple[Any, ...]:
    """What a loop over the expression goes through; one UNKNOWN where that is not written out."""
    found = values(node, env)[0]
    if isinstance(found, tuple | dict) and found:
        return tuple(found)[:_MOST]
    return (UNKNOWN,)


def _first(node: ast.expr | None, env: Env) -> Any:
    value = values(node, env)[0]
    return value if isinstance(value, str | int) else UNKNOWN


def _added(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if isinstance(left, tuple) and isinstance(right, tuple):
        return left + right
    return UNKNOWN


def _joined(node: ast.JoinedStr, env: Env) -> tuple[str, ...]:
    parts = []
    for part in node.values:
        found = values(part.value if isinstance(part, ast.FormattedValue) else part, env)
        parts.append(tuple(str(value) if isinstance(value, str | int) else UNKNOWN for value in found))
    return tuple("".join(chosen) for chosen, _ in zip(product(*parts), range(_MOST), strict=False))


def _called(node: ast.Call, env: Env) -> tuple[Any, ...]:
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in _SAME_TEXT and node.args:
        return values(node.args[0], env)
    if name in {"reversed", "sorted", "tuple", "list", "set"} and len(node.args) == 1:
        return values(node.args[0], env)
    if isinstance(function, ast.Attribute) and name in _METHODS:
        return values(function.value, env)
    if isinstance(function, ast.Attribute) and name in {"items", "keys", "values"}:
        whole = values(function.value, env)[0]
        return (tuple(getattr(whole, name)()),) if isinstance(whole, dict) else (UNKNOWN,)
    return (UNKNOWN,)


def _sum(node: ast.BinOp, env: Env) -> tuple[Any, ...]:
    if not isinstance(node.op, ast.Add):
        return (UNKNOWN,)
    pairs = product(values(node.left, env), values(node.right, env))
    return tuple(_added(left, right) for left, right in pairs)[:_MOST]


def _sequence(node: ast.Tuple | ast.List | ast.Set, env: Env) -> tuple[Any, ...]:
    found: list[Any] = []
    for element in node.elts:
        value = values(element.value if isinstance(element, ast.Starred) else element, env)[0]
        found += value if isinstance(element, ast.Starred) and isinstance(value, tuple | dict) else [value]
    return (tuple(found),)


def _dict(node: ast.Dict, env: Env) -> tuple[Any, ...]:
    pairs = zip(node.keys, node.values, strict=True)
    return ({_first(key, env): values(value, env)[0] for key, value in pairs},)


def _either(node: ast.IfExp, env: Env) -> tuple[Any, ...]:
    return values(node.body, env) + values(node.orelse, env)


_READERS: tuple[tuple[Any, Any], ...] = (
    (ast.JoinedStr, _joined),
    (ast.BinOp, _sum),
    (ast.Tuple | ast.List | ast.Set, _sequence),
    (ast.Dict, _dict),
    (ast.IfExp, _either),
    (ast.Call, _called),
)
