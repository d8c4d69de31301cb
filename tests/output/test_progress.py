"""What is shown while something runs."""

from __future__ import annotations

import time

import pytest

from aegisdb.output import progress_display
from aegisdb.output.progress_display import ProgressDisplay
from aegisdb.progress import Event, under_way


def test_a_step_that_is_over_leaves_neither_row_nor_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_display, "PATIENCE", 0.0)
    lines: list[str] = []
    display = ProgressDisplay(write=lines.append, mask=str, live=lambda: False)
    running = display._running  # noqa: SLF001  what the live rows are drawn from
    with under_way(display, "look for", "drift"):
        assert list(running) == [("look for", "drift")]
        display(Event(step="template", subject="base", seconds=1.0))
    with pytest.raises(KeyError), under_way(display, "mend", "x"):
        raise KeyError
    time.sleep(0.01)
    display(Event(step="wait for the lock", subject="aegis", note="db.reset"))
    display(Event(step="wait for the lock", subject="aegis", over=True))
    assert running == {}
    assert lines == ["  template base  1.0 s", "  wait for the lock aegis db.reset"]
