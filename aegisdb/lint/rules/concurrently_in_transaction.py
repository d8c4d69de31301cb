"""CONCURRENTLY and its like cannot run inside a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.lint.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.rule import Complaint, Context, RevisionFile
    from aegisdb.lint.steps import Step

_ALONE = (("vacuum",), ("create", "database"), ("drop", "database"), ("alter", "system"), ("create", "tablespace"))


def _check(file: RevisionFile, context: Context) -> Iterator[Complaint]:
    del context
    for step in (*file.upgrade, *file.downgrade):
        if not step.autocommit:
            yield from ((line, f"{what} fails inside a transaction") for line, what in _alone(step))


def _alone(step: Step) -> Iterator[tuple[int, str]]:
    for act in step.acts:
        if act.concurrently:
            yield step.line, f"{act.verb.upper()} {act.kind.upper()} CONCURRENTLY"
    for line, statement in step.statements() if step.raw else ():
        first = tuple(token.text for token in statement.tokens[:2])
        for words in _ALONE:
            if first[: len(words)] == words:
                yield line, " ".join(words).upper()


RULE = Rule(
    id="concurrently-in-transaction",
    summary="CONCURRENTLY stands inside autocommit_block().",
    fix="put it inside `with op.get_context().autocommit_block():`",
    check=_check,
)
