"""What `migrate.verify` says of each difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.errors import Problem
from aegisdb.ownership import NOBODY

if TYPE_CHECKING:
    from aegisdb.applied.status import Standing
    from aegisdb.fingerprint import Change
    from aegisdb.workspace import Workspace


def drift_problem(ws: Workspace, owner: str, change: Change) -> Problem:
    """An object that the applied revisions build otherwise."""
    if change.kind == "removed" and change.before.startswith("FOREIGN KEY"):
        return _lost_foreign_key(ws, owner, change)
    if owner == "base":
        return Problem(code="base_schema", message=f"base: {change}", where=change.object, hint="see invoke db.verify")
    hint = "write a revision that says so, or undo it by hand"
    if owner == NOBODY and change.kind == "added":
        hint = "a table or object made by hand: put it into a revision of its owner"
    elif owner == NOBODY:
        hint = f"no service owns it: invoke doctor says what to add to `owns`; then {hint}"
    return Problem(code="drift", message=f"{owner or 'nobody'}: {change}", where=change.object, hint=hint)


def _lost_foreign_key(ws: Workspace, owner: str, change: Change) -> Problem:
    target = change.before.partition(" REFERENCES ")[2].partition("(")[0].strip()
    other = ws.registry.owners.of_table(target)
    whose = f" of {other}" if other and other != owner else ""
    message = f"{owner}: {change.object} to {target}{whose} is gone: {change.before}"
    return Problem(
        code="foreign_key", message=message, where=change.object, hint="add it again by hand: it was applied"
    )


def tampered_problem(standing: Standing, revision: str) -> Problem:
    """An applied revision whose file has other code now."""
    assert standing.history is not None  # noqa: S101  only revisions with a file are compared
    file = standing.history.revisions[revision]
    return Problem(
        code="tampered",
        message=f"{standing.service}: the code of {revision} is not what was applied",
        where=f"{file.path}:{file.line}",
        hint=f"restore the file (invoke migrate.log --show {revision}) and write a new revision",
    )


def invalid_problem(name: str) -> Problem:
    """An index that is not valid."""
    return Problem(
        code="invalid_index",
        message=f"{name} is INVALID: a CREATE INDEX CONCURRENTLY did not finish",
        where=name,
        hint="drop it and build it again; IF NOT EXISTS would take it for a good one",
    )
