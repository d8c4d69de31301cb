"""A revision with a backfill does nothing else, so that it may be run again wherever it was stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.lint.rule import Rule
from aegisdb.revisions.repeatable import repeatable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.rule import Complaint, Context, RevisionFile


def _check(file: RevisionFile, context: Context) -> Iterator[Complaint]:
    del context
    first = next((step for step in file.upgrade if step.name == "backfill"), None)
    if first is not None and not repeatable(file.tree):
        yield first.line, "upgrade() does other things besides: stopped in the backfill, it is half-applied (exit 5)"
    for step in file.downgrade:
        if step.name == "backfill":
            yield step.line, "a backfill in downgrade() that is stopped leaves a half-applied revision (exit 5)"


RULE = Rule(
    id="backfill-alone",
    summary="A backfill has a revision of its own.",
    fix='move what is around it into revisions of their own, or say `repeatable = "reason"` beside `revision`',
    check=_check,
)
