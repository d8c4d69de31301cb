"""Revision files can be read and fit together: no double ids, no missing parents, no circle, no syntax error."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.errors import HistoryError
from aegisdb.lint.rule import Finding, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.rule import Context


def _survey(context: Context) -> Iterator[Finding]:
    for service, error in context.histories.items():
        if not isinstance(error, HistoryError):
            continue
        for place in error.where.split(", "):
            path, _, line = place.rpartition(":") if place.rpartition(":")[2].isdigit() else (place, "", "1")
            yield Finding(
                rule=RULE.id,
                message=error.message,
                path=context.shown(Path(path)),
                line=int(line),
                fix=error.hint or RULE.fix,
                service=service,
            )


RULE = Rule(
    id="broken-history",
    summary="Revision files compile, have ids of their own, and have their parents.",
    fix="fix the named files; until then nothing of this service can be applied",
    survey=_survey,
)
