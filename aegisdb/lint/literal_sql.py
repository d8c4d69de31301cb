"""SQL of revisions whose text says all of it: no worker needs to run them to know what they do."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aegisdb.lint.rule import RevisionFile

# an import of anything else may change what an operation writes
_HARMLESS = frozenset({"__future__", "alembic", "collections", "sqlalchemy", "typing"})
_OPERATIONS = "op"
# text() takes these for a parameter or an escaped colon, so what is rendered is not what is written
_PARAMETER = re.compile(r"(?<![:\w]):[\w$]|\\:")


def written_sql(file: RevisionFile) -> str | None:
    """The script that `alembic upgrade --sql` would print for it, without what it writes into the version table.

    None where that takes running it: only `op.execute()` of texts that stand in the file is taken as written.
    """
    upgrade = file.function("upgrade")
    if upgrade is None or not _is_plain(file.tree) or _parameters(upgrade) or upgrade.decorator_list:
        return None
    texts = _texts(file.tree)
    found: list[str] = []
    for statement in upgrade.body:
        if isinstance(statement, ast.Pass) or _is_text(statement):
            continue
        sql = _executed(statement, texts)
        if sql is None or _PARAMETER.search(sql):
            return None
        found.append(sql.replace("\t", "    ").strip() + ";")  # as Alembic's own `_exec` does
    return "\n\n".join(("BEGIN;", *found, "COMMIT;\n"))


def _is_plain(tree: ast.Module) -> bool:
    """Whether importing the file does nothing but name things, and `op` is Alembic's."""
    imported = False
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            roots = {name.partition(".")[0] for name in _modules(node)}
            if not roots <= _HARMLESS:
                return False
            imported = imported or (isinstance(node, ast.ImportFrom) and _is_op(node))
        elif not (isinstance(node, ast.FunctionDef) or _is_text(node) or _is_constant(node)):
            return False
    return imported and _OPERATIONS not in _texts(tree)


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or "" if not node.level else ""]


def _is_op(node: ast.ImportFrom) -> bool:
    return node.module == "alembic" and any(alias.name == "op" and alias.asname is None for alias in node.names)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_constant(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    try:
        ast.literal_eval(node.value)
    except ValueError:
        return False
    return all(isinstance(target, ast.Name) for target in targets)


def _texts(tree: ast.Module) -> dict[str, str | None]:
    """What the names of a plain file stand for; None where it is no text, or more than one thing."""
    found: dict[str, str | None] = {}
    for node in tree.body:
        names: list[str] = []
        value: object = None
        if isinstance(node, ast.FunctionDef):
            names = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            value = node.value.value if isinstance(node.value, ast.Constant) else None
        for name in names:
            found[name] = value if isinstance(value, str) and name not in found else None
    return found


def _parameters(function: ast.FunctionDef) -> bool:
    return bool(ast.unparse(function.args))


def _executed(statement: ast.stmt, texts: dict[str, str | None]) -> str | None:
    """The text that one statement executes; None where it does anything else."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or len(call.args) != 1 or call.keywords:
        return None
    function, given = call.func, call.args[0]
    if not (isinstance(function, ast.Attribute) and function.attr == "execute"):
        return None
    if not (isinstance(function.value, ast.Name) and function.value.id == _OPERATIONS):
        return None
    if isinstance(given, ast.Name):
        return texts.get(given.id)
    return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else None
