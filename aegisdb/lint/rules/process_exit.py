"""A revision does not end the process that runs it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from aegisdb.lint.model import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.model import Complaint, Context, RevisionFile

_CALLS = frozenset({"sys.exit", "os._exit", "os.abort", "os.kill", "exit", "quit", "_exit", "SystemExit"})


def _check(file: RevisionFile, context: Context) -> Iterator[Complaint]:
    del context
    for node in file.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = ast.unparse(node.func)
            if name in _CALLS:
                yield (
                    node.lineno,
                    f"{name}() ends the process: what ran before is lost or half-done, and nobody is told",
                )
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name) and node.exc.id == "SystemExit":
            yield node.lineno, "SystemExit ends the process: what ran before is lost or half-done, and nobody is told"


RULE = Rule(
    id="process-exit",
    summary="A revision does not end the process.",
    fix="raise an error that says what is wrong, or return",
    check=_check,
)
