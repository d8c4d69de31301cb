"""A revision that others may have applied stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.lint.rule import Finding, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aegisdb.lint.rule import Context

_FIX = "put it back as it was, and write a new revision for the change"


def gone(context: Context) -> frozenset[Path]:
    """Files of the default branch that are no more, and whose code no revision has now."""
    left = {path: digest for path, digest in context.before.items() if digest and not path.exists()}
    if not left:
        return frozenset()
    here = {revision.digest for history in context.good().values() for revision in history.ordered()}
    return frozenset(path for path, digest in left.items() if digest not in here)


def _survey(context: Context) -> Iterator[Finding]:
    for path in sorted(context.gone):
        yield _finding(context, path, 1, "a file of the default branch is gone, and a database may have it")
    if not context.before and not context.tampered:
        return  # without a look at the revisions
    now = {r.path: (name, r) for name, h in context.good().items() for r in h.ordered()}
    for path, digest in context.before.items():
        service, revision = now.get(path, ("", None))
        if revision is not None and revision.digest != digest:
            yield _finding(
                context, path, revision.line, "it is on the default branch, and its code was changed", service
            )
    for service, revision in now.values():
        path = revision.path
        told = context.before.get(path, revision.digest) != revision.digest
        if (service, revision.id) in context.tampered and not told:
            message = "it is applied to this database, and its code was changed since"
            fix = f"{_FIX}; or revert it first: invoke migrate.rollback --service {service}"
            yield _finding(context, path, revision.line, message, service, fix)


def _finding(context: Context, path: Path, line: int, message: str, service: str = "", fix: str = _FIX) -> Finding:
    return Finding(
        rule=RULE.id, message=message, path=context.shown(path), line=line, fix=fix, service=service, last_line=line
    )


RULE = Rule(
    id="applied-file-changed",
    summary="The file of a revision that may be applied somewhere is not changed.",
    fix=_FIX,
    survey=_survey,
)
