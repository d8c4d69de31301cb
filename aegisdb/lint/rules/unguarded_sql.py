"""Raw SQL can be run again after it died half-way: IF [NOT] EXISTS, OR REPLACE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.lint.effects import acts_of
from aegisdb.lint.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.effects import Act
    from aegisdb.lint.rule import Complaint, Context, RevisionFile

_IF_NOT_EXISTS = frozenset({"table", "index", "schema", "extension", "sequence", "statistics"})
_OR_REPLACE = frozenset({"function", "procedure", "aggregate", "trigger", "rule"})
_NO_DROP_GUARD = frozenset({"owned", "value"})


def _check(file: RevisionFile, context: Context) -> Iterator[Complaint]:
    del context
    for step in (*file.upgrade, *file.downgrade):
        for line, statement in step.statements() if step.raw else ():
            for act in acts_of(statement):
                if guard := _missing(act, view=statement.has("materialized", "view")):
                    what = f"{act.verb.upper()} {act.kind.upper()}{f' {act.name}' if act.name else ''}"
                    yield line, f"{what} without {guard}", f"write {guard}"


def _missing(act: Act, *, view: bool) -> str:
    """The guard that the statement could have and has not; not every kind of object knows one."""
    if act.guarded or act.temporary:
        return ""
    if act.verb == "create":
        if act.kind in _IF_NOT_EXISTS or view:
            return "IF NOT EXISTS"
        return "OR REPLACE" if act.kind in _OR_REPLACE or act.kind == "view" else ""
    if act.verb == "add":
        return "IF NOT EXISTS" if act.kind in {"column", "value"} else ""
    return "IF EXISTS" if act.verb == "drop" and act.kind not in _NO_DROP_GUARD else ""


RULE = Rule(
    id="unguarded-sql",
    summary="Raw SQL has the guards that it can have.",
    fix="write IF [NOT] EXISTS or OR REPLACE",
    check=_check,
)
