"""A history has one head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.applied.status import several_heads
from aegisdb.lint.rule import Finding, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.rule import Context


def _survey(context: Context) -> Iterator[Finding]:
    for service, history in context.good().items():
        problem = several_heads(history)
        if problem is None:
            continue
        # a head that is not on the default branch is the one to move
        heads = sorted((history.revisions[h] for h in history.heads), key=lambda r: r.path in context.added)
        yield Finding(
            rule=RULE.id,
            message=problem.message,
            path=context.shown(heads[-1].path),
            line=heads[-1].line,
            fix=problem.hint,
            service=service,
        )


RULE = Rule(
    id="several-heads",
    summary="A history has one head, or labelled branches.",
    fix="invoke migrate.rebase",
    survey=_survey,
)
