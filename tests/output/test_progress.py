"""What is shown while something runs."""

from __future__ import annotations

import time

import pytest

from aegisdb import progress
from aegisdb.output import progress_display
from aegisdb.output.progress_display import ProgressDisplay
from aegisdb.progress import Event, under_way
from tests.running import eventually


def test_a_step_that_is_over_leaves_neither_row_nor_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_display, "PATIENCE", 0.0)
    lines: list[str] = []
    display = ProgressDisplay(write=lines.append, mask=str, live=lambda: False)
    running = display._running  # noqa: SLF001  what the live rows are drawn from
    with under_way(display, "look for", "drift"):
        assert list(running) == [("look for", "drift")]
        display(Event(step="template", subject="base", seconds=1.0))
    with pytest.raises(KeyError), under_way(display, "fix", "x"):
        raise KeyError
    time.sleep(0.01)
    display(Event(step="wait for the lock", subject="aegis", note="db.reset"))
    display(Event(step="wait for the lock", subject="aegis", over=True))
    assert running == {}
    assert lines == ["  template base  1.0 s", "  wait for the lock aegis db.reset"]


def test_a_log_is_told_of_a_step_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_display, "LONG", 0.05)
    lines: list[str] = []
    display = ProgressDisplay(write=lines.append, mask=str, live=lambda: False)
    with under_way(display, "look for", "drift"):
        assert eventually(lambda: bool(lines))
        time.sleep(0.15)
    display.close()
    time.sleep(0.1)
    (only,) = lines
    assert only.startswith("  look for drift ... for ")


def test_services_are_counted_while_they_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "OFTEN", 0.0)
    events: list[Event] = []
    assert list(progress.counted(events.append, "env.py", iter("abc"), 3)) == ["a", "b", "c"]
    assert [(event.step, event.subject) for event in events] == [
        ("env.py", "1 of 3 services"),
        ("env.py", "2 of 3 services"),
    ]
