"""What upgrade() and downgrade() do, in order, read from the syntax tree: calls of `op` and SQL that is executed."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aegisdb.lint.effects import Act, acts_of_sql
from aegisdb.lint.literals import UNKNOWN, Env, elements, texts, values
from aegisdb.lint.statements import Statement, statements
from aegisdb.revisions.repeatable import is_backfill

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_EXECUTE = frozenset({"execute", "exec_driver_sql", "scalar", "scalars"})
_DEEPEST = 8  # calls of the file's own functions within each other

_OPERATIONS: Mapping[str, tuple[str, str, int, int]] = {
    # verb, kind, where the object's name is, where its table's name is
    "create_table": ("create", "table", 0, 0),
    "drop_table": ("drop", "table", 0, 0),
    "rename_table": ("alter", "table", 0, 0),
    "create_table_comment": ("comment", "table", 0, 0),
    "drop_table_comment": ("comment", "table", 0, 0),
    "batch_alter_table": ("alter", "table", 0, 0),
    "bulk_insert": ("write", "rows", 0, 0),
    "add_column": ("add", "column", 1, 0),
    "drop_column": ("drop", "column", 1, 0),
    "alter_column": ("alter", "column", 1, 0),
    "create_index": ("create", "index", 0, 1),
    "drop_index": ("drop", "index", 0, 1),
    "create_foreign_key": ("add", "constraint", 0, 1),
    "create_primary_key": ("add", "constraint", 0, 1),
    "create_unique_constraint": ("add", "constraint", 0, 1),
    "create_check_constraint": ("add", "constraint", 0, 1),
    "create_exclude_constraint": ("add", "constraint", 0, 1),
    "drop_constraint": ("drop", "constraint", 0, 1),
}
_TABLE_KEYWORDS = ("table_name", "source_table", "old_table_name", "table")


@dataclass(frozen=True, eq=False)
class Step:
    """One call that changes the database, with the values that its arguments have there."""

    call: ast.Call
    name: str
    """`create_table`, `execute` ..."""
    autocommit: bool
    """Within `autocommit_block()`."""
    acts: tuple[Act, ...]
    sql: str = ""
    """The SQL text of an `op.execute`; empty for other steps."""

    @property
    def line(self) -> int:
        """First line of the call."""
        return self.call.lineno

    @property
    def raw(self) -> bool:
        """Whether it is SQL as text."""
        return bool(self.sql)

    def statements(self) -> Iterator[tuple[int, Statement]]:
        """The statements of its SQL, each with its line in the file."""
        first = self.call.args[0] if self.call.args else self.call
        last = first.end_lineno or first.lineno
        for statement in statements(self.sql):
            yield min(first.lineno + statement.newlines, last), statement


def steps(tree: ast.Module, function: str) -> tuple[Step, ...]:
    """What one function of a revision does, with the file's own functions followed into."""
    return tuple(_Walk(tree).function(function, {}, autocommit=False))


def walk(node: ast.AST) -> list[ast.AST]:
    """Every node below and at `node`, parents first; ast.walk, at a third of its cost."""
    found = [node]
    for one in found:
        for value in one.__dict__.values():
            if isinstance(value, ast.AST):
                found.append(value)
            elif value.__class__ is list:
                found += [item for item in value if isinstance(item, ast.AST)]
    return found


class _Walk:
    def __init__(self, tree: ast.Module) -> None:
        self._functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        self._globals: Env = {}
        self._depth = 0
        for node in tree.body:
            self._assign(node, self._globals)

    def function(self, name: str, given: Env, *, autocommit: bool) -> Iterator[Step]:
        node = self._functions.get(name)
        if node is None or self._depth >= _DEEPEST:
            return
        self._depth += 1
        yield from self._block(node.body, {**self._globals, **given}, autocommit=autocommit)
        self._depth -= 1

    def _block(self, body: list[ast.stmt], env: Env, *, autocommit: bool) -> Iterator[Step]:
        for node in body:
            yield from self._statement(node, env, autocommit=autocommit)

    def _statement(self, node: ast.stmt, env: Env, *, autocommit: bool) -> Iterator[Step]:
        self._assign(node, env)
        if isinstance(node, ast.For):
            yield from self._expression(node.iter, env, autocommit=autocommit)
            for element in elements(node.iter, env):
                _bind(node.target, element, env)
                yield from self._block(node.body, env, autocommit=autocommit)
        elif isinstance(node, ast.With):
            for item in node.items:
                yield from self._expression(item.context_expr, env, autocommit=autocommit)
            yield from self._block(node.body, env, autocommit=autocommit or _is_autocommit(node))
        elif isinstance(node, ast.If | ast.While):
            yield from self._expression(node.test, env, autocommit=autocommit)
            yield from self._block(node.body + node.orelse, env, autocommit=autocommit)
        elif isinstance(node, ast.Try):
            handlers = [statement for handler in node.handlers for statement in handler.body]
            yield from self._block(node.body + handlers + node.orelse + node.finalbody, env, autocommit=autocommit)
        elif not isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield from self._expression(node, env, autocommit=autocommit)

    def _expression(self, node: ast.AST, env: Env, *, autocommit: bool) -> Iterator[Step]:
        for call in (part for part in walk(node) if isinstance(part, ast.Call)):
            if is_backfill(call):
                yield from _backfills(call, env)
            elif isinstance(call.func, ast.Name) and call.func.id in self._functions:
                yield from self.function(call.func.id, self._arguments(call, env), autocommit=autocommit)
            elif isinstance(call.func, ast.Attribute):
                yield from _steps_of(call, call.func.attr, env, autocommit=autocommit)

    def _arguments(self, call: ast.Call, env: Env) -> Env:
        function = self._functions[getattr(call.func, "id", "")].args
        given = {p.arg: values(a, env) for p, a in zip(function.posonlyargs + function.args, call.args, strict=False)}
        return given | {keyword.arg: values(keyword.value, env) for keyword in call.keywords if keyword.arg}

    def _assign(self, node: ast.stmt, env: Env) -> None:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            _bind(node.targets[0], values(node.value, env)[0], env)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            _bind(node.target, values(node.value, env)[0], env)


def _bind(target: ast.expr, value: Any, env: Env) -> None:
    if isinstance(target, ast.Name):
        env[target.id] = (value,)
    elif isinstance(target, ast.Tuple | ast.List):
        parts = value if isinstance(value, tuple) and len(value) == len(target.elts) else [UNKNOWN] * len(target.elts)
        for part, one in zip(target.elts, parts, strict=True):
            _bind(part, one, env)


def _is_autocommit(node: ast.With) -> bool:
    calls = (item.context_expr for item in node.items)
    return any(isinstance(c, ast.Call) and getattr(c.func, "attr", "") == "autocommit_block" for c in calls)


def _steps_of(call: ast.Call, name: str, env: Env, *, autocommit: bool) -> Iterator[Step]:
    if name in _OPERATIONS and _is_op(call.func):
        yield Step(call, name, autocommit, tuple(_acts_of_operation(call, name, env)))
    elif name in _EXECUTE and call.args:
        for sql in texts(call.args[0], env):
            yield Step(call, name, autocommit, acts_of_sql(sql), sql)


def _backfills(call: ast.Call, env: Env) -> Iterator[Step]:
    """`aegisdb.backfill` writes rows of its table, outside of the revision's transaction."""
    named = next((keyword.value for keyword in call.keywords if keyword.arg == "table"), _argument(call, 0))
    for table in texts(named, env) or (UNKNOWN,):
        yield Step(call, "backfill", autocommit=True, acts=(Act(verb="write", kind="rows", name=table, table=table),))


def _acts_of_operation(call: ast.Call, name: str, env: Env) -> Iterator[Act]:
    verb, kind, place, table_place = _OPERATIONS[name]
    given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    named = next((given[key] for key in _TABLE_KEYWORDS if key in given), None)
    schema = next(iter(texts(given.get("schema") or given.get("source_schema"), env)), "")
    for table in texts(_named(call, table_place) or named, env) or (UNKNOWN,):
        qualified = f"{schema}.{table}" if schema and schema != UNKNOWN else table
        own = next(iter(texts(_named(call, place), env)), "")
        yield Act(
            verb=verb,
            kind=kind,
            name=qualified if place == table_place else own,
            table=qualified,
            guarded=_is_true(given.get("if_not_exists")) or _is_true(given.get("if_exists")),
            concurrently=_is_true(given.get("postgresql_concurrently")),
        )


def _is_op(function: ast.expr) -> bool:
    """Whether it is a function of `op` itself: what a batch does is told by its `op.batch_alter_table`."""
    base = getattr(function, "value", None)
    return "op" in {getattr(base, "id", ""), getattr(base, "attr", "")}


def _argument(call: ast.Call, place: int) -> ast.expr | None:
    return call.args[place] if place < len(call.args) else None


def _named(call: ast.Call, place: int) -> ast.expr | None:
    """The object's own name; of a column, the first argument of `sa.Column`."""
    argument = _argument(call, place)
    if isinstance(argument, ast.Call) and argument.args and getattr(argument.func, "attr", "") in {"Column", "table"}:
        return argument.args[0]
    return argument


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True
