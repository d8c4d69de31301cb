"""A finding at a place of a file, whoever found it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLACE = re.compile(r"^(?P<path>[^,:]+(?::[\\/][^,:]+)?)(?::(?P<line>\d+))?")


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One finding; `path` is relative to the registry, empty where it belongs to no file."""

    rule: str
    message: str
    path: str = ""
    line: int = 1
    fix: str = ""


def marks_of(findings: Iterable[Any]) -> tuple[Mark, ...]:
    """Marks of lint's findings."""
    return tuple(Mark(rule=f.rule, message=f.message, path=f.path, line=f.line, fix=f.fix) for f in findings)


def mark_of_problem(problem: Any, root: Path) -> Mark:
    """A mark of any problem; its place where it names a file below the root."""
    match = _PLACE.match(problem.where)
    path, line = (Path(match["path"]), int(match["line"] or 1)) if match else (Path(), 1)
    full = path if path.is_absolute() else root / path
    inside = bool(match) and full.is_file() and full.is_relative_to(root)
    return Mark(
        rule=problem.code,
        message=problem.message,
        path=str(full.relative_to(root)) if inside else "",
        line=line if inside else 1,
        fix=problem.hint,
    )
