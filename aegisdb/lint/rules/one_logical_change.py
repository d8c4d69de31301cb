"""One revision makes one logical change: the tables that it touches hang together."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from aegisdb.lint.literals import UNKNOWN
from aegisdb.lint.rule import Rule
from aegisdb.lint.steps import walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.rule import Complaint, Context, RevisionFile


def _check(file: RevisionFile, context: Context) -> Iterator[Complaint]:
    del context
    if len(file.revision.down) > 1:
        return
    lines, together = _touched(file)
    for group in together:
        together = [other for other in together if not other & group] + [
            frozenset().union(*(other for other in together if other & group))
        ]
    groups = sorted((group & lines.keys() for group in together), key=lambda group: min(map(lines.__getitem__, group)))
    if len(groups) > 1:
        names = "; ".join(", ".join(sorted(group)) for group in groups)
        yield (
            lines[min(groups[1], key=lines.__getitem__)],
            f"upgrade() changes tables that do not hang together: {names}",
        )


def _touched(file: RevisionFile) -> tuple[dict[str, int], list[frozenset[str]]]:
    """First line of each table that changes, and sets of tables that belong together."""
    lines: dict[str, int] = {}
    shared: dict[object, set[str]] = {}
    for step in file.upgrade:
        for act in step.acts:
            if not act.table or UNKNOWN in act.table or act.temporary:
                continue
            table = _plain(act.table)
            lines.setdefault(table, step.line)
            shared.setdefault(("table", table), set()).add(table)
            # one call that runs for several tables, or the same column for each of them, is one change
            shared.setdefault(("call", step.line), set()).add(table)
            if act.kind == "column" and act.name:
                shared.setdefault(("column", act.verb, act.name), set()).add(table)
    words = _words(file)
    for step in file.upgrade:
        inside = {table for table in lines if table in words.get(id(step.call), ())}
        for act in step.acts:
            if act.table and inside:
                shared.setdefault(("mentioned", step.line), set()).update(inside | {_plain(act.table)} & lines.keys())
    return lines, [frozenset(group) for group in shared.values()]


def _words(file: RevisionFile) -> dict[int, frozenset[str]]:
    """Words in the texts of each step's call: what it refers to (foreign keys, a join of an update)."""
    found = {}
    for step in file.upgrade:
        texts = [n.value for n in walk(step.call) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        texts.append(step.sql)
        found[id(step.call)] = frozenset(
            word for text in texts for word in text.replace(".", " ").replace("(", " ").replace('"', " ").split()
        )
    return found


def _plain(table: str) -> str:
    return table.rpartition(".")[2]


RULE = Rule(
    id="one-logical-change",
    summary="One revision makes one logical change.",
    fix="make a revision of each, so that one can be reverted without the other",
    check=_check,
)
