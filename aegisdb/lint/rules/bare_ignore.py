"""An ignore names rules that exist, and says why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.lint.ignores import ignores
from aegisdb.lint.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.rule import Complaint, Context, RevisionFile


def _check(file: RevisionFile, context: Context) -> Iterator[Complaint]:
    del context
    from aegisdb.lint.linter import rules
    from aegisdb.registry.choice import did_you_mean

    for ignore in ignores(file.source):
        if not ignore.rules:
            yield ignore.line, "it names no rule, so it ignores nothing"
        for name in ignore.rules:
            if name not in rules():
                yield (
                    ignore.line,
                    f"there is no rule {name!r}",
                    f"{did_you_mean(name, rules())}`aegisdb explain lint` lists them",
                )
        if ignore.rules and not ignore.reason:
            yield ignore.line, "it does not say why"


RULE = Rule(
    id="bare-ignore",
    summary="An ignore names rules that exist and gives a reason.",
    fix="write `# aegisdb: ignore[rule] the reason`",
    check=_check,
)
