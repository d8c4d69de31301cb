"""Puts a report into a file: whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.file_cache import STATE
from aegisdb.files import replace_file

if TYPE_CHECKING:
    from pathlib import Path


def write_report(path: Path, text: str) -> None:
    """Write a report, with the directories that it needs; a file of that name is replaced.

    One in the local state is its owner's alone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, text, mode=0o600 if path.parent.name == STATE else None)


def append_report(path: Path, text: str) -> None:
    """Add a report to what other steps of the job wrote there."""
    with path.open("a", encoding="utf-8") as file:
        file.write(text)
