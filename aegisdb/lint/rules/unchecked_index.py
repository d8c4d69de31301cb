"""CREATE INDEX CONCURRENTLY IF NOT EXISTS accepts an INVALID index of a build that died; something must look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.lint.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.rule import Complaint, Context, RevisionFile
    from aegisdb.lint.steps import Step


def _check(file: RevisionFile, context: Context) -> Iterator[Complaint]:
    del context
    for steps in (file.upgrade, file.downgrade):
        looked = False
        for step in steps:
            looked = looked or "indisvalid" in step.sql.lower() or _drops_first(step)
            for act in step.acts:
                risky = act.verb == "create" and act.kind == "index" and act.concurrently
                if risky and act.guarded and not looked:
                    name = f" {act.name}" if act.name else ""
                    yield (
                        step.line,
                        f"IF NOT EXISTS takes an INVALID index{name} of an earlier attempt for the real one",
                    )


def _drops_first(step: Step) -> bool:
    """An unconditional DROP INDEX IF EXISTS before it makes any leftover go."""
    return any(act.verb == "drop" and act.kind == "index" and act.guarded for act in step.acts)


RULE = Rule(
    id="unchecked-index",
    summary="An index that is built CONCURRENTLY IF NOT EXISTS is checked for validity before.",
    fix="before it, drop the index where pg_index says NOT indisvalid",
    check=_check,
)
