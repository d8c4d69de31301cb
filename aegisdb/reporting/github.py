"""GitHub Actions' workflow commands: `::error file=...` lines that become annotations of a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.plain_text import clean, guarded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aegisdb.reporting.marks import Mark


def github_annotations(marks: Iterable[Mark]) -> tuple[str, ...]:
    """Workflow commands of GitHub, one line for each finding."""
    return tuple(_line(mark) for mark in marks)


def _line(mark: Mark) -> str:
    place = f"file={_property(mark.path)},line={max(mark.line, 1)}," if mark.path else ""
    text = f"{mark.message} → {mark.fix}" if mark.fix else mark.message
    return f"::error {place}title={_property(mark.rule)}::{_data(text)}"


def _data(text: str) -> str:
    """Escape a message as GitHub's own toolkit does."""
    return guarded(clean(text)).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
