"""A revision does not end the process that runs it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from aegisdb.lint.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.rule import Complaint, Context, RevisionFile

_CALLS = frozenset({"sys.exit", "os._exit", "os.abort", "os.kill", "exit", "quit", "_exit", "SystemExit"})
_LAST = frozenset(name.rpartition(".")[2] for name in _CALLS)
_WHY = "ends the process: what ran before is lost or half-done, and nothing says so"


def _check(file: RevisionFile, context: Context) -> Iterator[Complaint]:
    del context
    for node in file.nodes:
        if isinstance(node, ast.Call) and (getattr(node.func, "id", "") or getattr(node.func, "attr", "")) in _LAST:
            name = ast.unparse(node.func)
            if name in _CALLS:
                yield node.lineno, f"{name}() {_WHY}"
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name) and node.exc.id == "SystemExit":
            yield node.lineno, f"SystemExit {_WHY}"


RULE = Rule(
    id="process-exit",
    summary="A revision does not end the process.",
    fix="raise an error that says what is wrong, or return",
    check=_check,
)
