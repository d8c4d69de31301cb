"""Progress of a filing's checklist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def checklist_progress(items: Sequence[Mapping[str, Any]]) -> int:
    """Percent of the required items that are done, rounded down; 0 when nothing is required.

    The database keeps the same number by its function of this name.
    """
    required = [item for item in items if item.get("required") is True]
    done = sum(item.get("done") is True for item in required)
    return 100 * done // len(required) if required else 0


def missing_items(items: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Labels of required items that are not done, in order."""
    return tuple(item["label"] for item in items if item.get("required") is True and item.get("done") is not True)
