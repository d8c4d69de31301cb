"""Write files that are generated from the code, or say which of them are behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.errors import Problem
from aegisdb.files import replace_file
from aegisdb.results import Result

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class WriteFilesResult(Result):
    """Generated files that were behind the code."""

    written: tuple[str, ...] = ()
    current: int = 0
    """How many files were current before."""


def write_files(files: Mapping[Path, str], root: Path, *, check: bool = False) -> WriteFilesResult:
    """Write the files whose text differs; with `check` write none and report a problem for each."""
    stale = {path: text for path, text in files.items() if not path.exists() or path.read_text("utf-8") != text}
    names = tuple(str(path.relative_to(root)) for path in stale)
    current = len(files) - len(stale)
    if check:
        problems = tuple(
            Problem(code="stale_docs", message=f"{name} is behind the code", hint="invoke dev.docs") for name in names
        )
        return WriteFilesResult(problems=problems, current=current)
    for path, text in stale.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text)
    return WriteFilesResult(written=names, current=current)
