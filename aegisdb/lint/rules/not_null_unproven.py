"""SET NOT NULL takes a CHECK for proof only while it exists, and ALTER TABLE drops before it sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.lint.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.rule import Complaint, Context, RevisionFile


def _check(file: RevisionFile, context: Context) -> Iterator[Complaint]:
    del context
    for step in file.upgrade:
        for line, statement in step.statements() if step.raw else ():
            both = statement.has("set", "not", "null") and statement.has("drop", "constraint")
            if both and statement.verb == "alter":
                yield (
                    line,
                    "the constraint is dropped first, so it proves nothing, and all rows are read under the lock",
                )


RULE = Rule(
    id="not-null-unproven",
    summary="SET NOT NULL and DROP CONSTRAINT are two statements.",
    fix="write two statements: SET NOT NULL, then DROP CONSTRAINT",
    check=_check,
)
