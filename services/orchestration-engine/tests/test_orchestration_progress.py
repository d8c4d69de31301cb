"""Progress of a checklist."""

from typing import Any

import pytest

from orchestration.progress import checklist_progress, missing_items


def _items(*pairs: tuple[bool, bool]) -> list[dict[str, Any]]:
    return [{"label": f"item {n}", "required": required, "done": done} for n, (required, done) in enumerate(pairs)]


@pytest.mark.parametrize(
    ("items", "percent"),
    [
        ([], 0),
        (_items((False, True)), 0),
        (_items((True, True), (True, False), (True, False)), 33),
        (_items((True, True), (False, False)), 100),
        ([{"label": "new", "required": True}], 0),
    ],
)
def test_progress_counts_required_items_and_rounds_down(items: list[dict[str, Any]], percent: int) -> None:
    assert checklist_progress(items) == percent


def test_missing_items_are_the_required_ones_not_done() -> None:
    assert missing_items(_items((True, True), (True, False), (False, False))) == ("item 1",)
