"""A revision that goes up can come down, or says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.lint.rule import Rule
from aegisdb.revisions.downgrades import does_nothing, downgrade_of
from aegisdb.revisions.repeatable import only_backfills

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.rule import Complaint, Context, RevisionFile


_SAID = {
    "missing": "there is no downgrade()",
    "empty": "downgrade() does nothing, so what upgrade() made stays behind",
    "raises": "downgrade() only raises, and nothing says so before it is tried",
}


def _check(file: RevisionFile, context: Context) -> Iterator[Complaint]:
    up = file.function("upgrade")
    if file.revision.one_way or up is None or does_nothing(up) or context.registry.services[file.service].one_way:
        return
    kind, down = downgrade_of(file.tree), file.function("downgrade") or up
    if kind == "empty" and only_backfills(file.tree):
        return  # rows that have their values may keep them: what uses those is made by other revisions
    if kind in _SAID:
        yield down.lineno, _SAID[kind]


RULE = Rule(
    id="missing-downgrade",
    summary="downgrade() is there and reverts what upgrade() does.",
    fix='write downgrade(), or say `one_way = "reason"` beside `revision`, or `one_way: true` of the service',
    check=_check,
)
