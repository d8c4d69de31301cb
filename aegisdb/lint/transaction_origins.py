"""Whose transaction `x.commit()` ends: the revision's own, a savepoint's, another connection's, or none.

Measured with SQLAlchemy 1.4.54, 2.0.58 and 2.1.9 by `txid_current()`: an ORM session that is bound to the revision's
connection takes its transaction as it finds it, so its commit() leaves it open, and its rollback() rolls it back.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Origin = Literal["own", "session", "own session", "savepoint", "other", "unknown"]

_OF_ALEMBIC = frozenset({"get_bind", "get_context"})
_BOUND = frozenset({"get_bind", "get_transaction", "connection", "bind", "dbapi_connection", "driver_connection"})
_SAVEPOINT = frozenset({"begin_nested", "get_nested_transaction"})
_ELSEWHERE = frozenset({"engine", "create_engine", "create_async_engine", "connect", "raw_connection"})
_SESSION = re.compile(r"(?:^|_)session(?:maker|_?factory|_?local)?$", re.IGNORECASE)
_CONNECTION = re.compile(r"^(?:conn|connection|bind|transaction|trans|tx|cursor)$|_(?:conn|connection|bind)$")


class Origins:
    """The origins of one file's names, by their assignments."""

    def __init__(self, nodes: Iterable[ast.AST]) -> None:
        self._values: dict[str, list[ast.expr]] = defaultdict(list)
        for name, value in _given(nodes):
            self._values[name].append(value)

    def ends_own(self, call: ast.Call) -> bool:
        """Whether a call of `x.commit()` or `x.rollback()` ends the transaction that the revision runs in."""
        assert isinstance(call.func, ast.Attribute)  # noqa: S101  the caller looked for these names
        origins = self._of(call.func.value, frozenset())
        return "own" in origins or (call.func.attr == "rollback" and "own session" in origins)

    def _of(self, node: ast.expr, seen: frozenset[str]) -> frozenset[Origin]:
        if isinstance(node, ast.Name):
            return self._of_name(node.id, seen)
        if isinstance(node, ast.Attribute):
            return self._of_attribute(node, seen)
        if isinstance(node, ast.Call):
            return self._of_call(node, seen)
        return frozenset({"unknown"})

    def _of_name(self, name: str, seen: frozenset[str]) -> frozenset[Origin]:
        values = self._values.get(name, ()) if name not in seen else ()
        if values:
            return frozenset().union(*(self._of(value, seen | {name}) for value in values))
        # a parameter, or made elsewhere: its name is all there is
        return frozenset({"own" if _CONNECTION.search(name) else "session" if _SESSION.search(name) else "unknown"})

    def _of_attribute(self, node: ast.Attribute, seen: frozenset[str]) -> frozenset[Origin]:
        if node.attr in _ELSEWHERE:
            return frozenset({"other"})
        if _SESSION.search(node.attr):
            return frozenset({"session"})
        return self._derived(node.attr, self._of(node.value, seen))

    def _of_call(self, node: ast.Call, seen: frozenset[str]) -> frozenset[Origin]:
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name in _OF_ALEMBIC and not (isinstance(function, ast.Attribute) and self._is_session(function.value, seen)):
            return frozenset({"own"})
        if name in _ELSEWHERE:
            return frozenset({"other"})
        if self._is_session(function, seen) or _SESSION.search(name):
            return self._session(node, seen)
        if isinstance(function, ast.Attribute):
            return self._derived(name, self._of(function.value, seen))
        return frozenset({"unknown"})

    def _session(self, node: ast.Call, seen: frozenset[str]) -> frozenset[Origin]:
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        modes = {k.value.value for k in node.keywords if isinstance(k.value, ast.Constant) and k.arg}
        if "create_savepoint" in modes:
            return frozenset({"session"})
        factory = node.func
        bound = any("own" in self._of(value, seen) for value in given) or self._is_own_session(factory, seen)
        if not bound:
            return frozenset({"session"})
        return frozenset({"own"} if "control_fully" in modes else {"own session"})

    def _is_session(self, node: ast.expr, seen: frozenset[str]) -> bool:
        return not {"session", "own session"}.isdisjoint(self._of(node, seen))

    def _is_own_session(self, node: ast.expr, seen: frozenset[str]) -> bool:
        return "own session" in self._of(node, seen)

    def _derived(self, name: str, origins: frozenset[Origin]) -> frozenset[Origin]:
        """The origin of an attribute or of a method's result."""
        if name in _SAVEPOINT:
            return frozenset({"savepoint"})
        if name in _BOUND and "own session" in origins:
            return frozenset({"own"})
        return origins


def _given(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    """Names and what they are given, by assignments and by `with ... as`."""
    for node in nodes:
        if isinstance(node, ast.Assign):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and isinstance(node.target, ast.Name) and node.value:
            yield node.target.id, node.value
        elif isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
            yield node.optional_vars.id, node.context_expr
