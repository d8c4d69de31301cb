"""A revision that is called expand takes nothing away from code that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.lint.rule import Rule
from aegisdb.lint.takings import made_by, takings
from aegisdb.revisions.phases import EXPAND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.rule import Complaint, Context, RevisionFile


def _check(file: RevisionFile, context: Context) -> Iterator[Complaint]:
    del context
    if file.revision.phase != EXPAND:
        return
    made = made_by(file.upgrade)
    for step in file.upgrade:
        for taken in takings(step, made):
            yield step.line, f"{taken}, and is called expand: `migrate.apply --phase expand` does it under old code"


RULE = Rule(
    id="expand-takes-away",
    summary="A revision that is called expand takes nothing away.",
    fix='move it into a revision with phase = "contract", which is applied when no old code is left',
    check=_check,
)
