"""A summary for people, as GitHub's $GITHUB_STEP_SUMMARY and a merge request show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.plain_text import clean, guarded
from aegisdb.reporting.stages import count

if TYPE_CHECKING:
    from aegisdb.errors import Problem
    from aegisdb.reporting.stages import Stage

_MARKS = {"ok": "✅", "failed": "❌", "skipped": "⏭️"}


def markdown(stages: tuple[Stage, ...], target: str) -> str:
    """A Markdown page: a table of the stages, then what is wrong."""
    lines = [
        f"## aegisdb ci: {count(stages)}",
        "",
        f"Target `{target}`.",
        "",
        "| | stage | what | time |",
        "|---|---|---|---:|",
    ]
    lines += [f"| {_MARKS[s.state]} | {s.name} | {_cell(s.summary)} | {s.seconds:.1f} s |" for s in stages]
    for stage in stages:
        if stage.problems:
            lines += ["", f"### {stage.name}", "", *(_item(problem) for problem in stage.problems)]
    return "\n".join(lines) + "\n"


def _item(problem: Problem) -> str:
    where = f"`{_cell(problem.where).replace('`', '')}` " if problem.where else ""
    hint = f" → {_cell(problem.hint)}" if problem.hint else ""
    return f"- {where}**{problem.code}**: {_cell(problem.message)}{hint}"


def _cell(text: str) -> str:
    return guarded(" ".join(clean(text).split())).replace("|", "\\|").replace("<", "&lt;")
