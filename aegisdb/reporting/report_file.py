"""Puts a report into a file: whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_report(path: Path, text: str) -> None:
    """Write a report, with the directories that it needs; a file of that name is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def append_report(path: Path, text: str) -> None:
    """Add a report to what other steps of the job wrote there."""
    with path.open("a", encoding="utf-8") as file:
        file.write(text)
