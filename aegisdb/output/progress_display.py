"""Progress of anything that takes longer than a second: live rows on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from aegisdb.output.blocks import duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from aegisdb.output.live_rows import LiveRows
    from aegisdb.progress import Event

PATIENCE = 1.0
"""Seconds without any display: most commands end before, and a flicker is worse than silence."""
LONG = 10.0
"""Seconds after which a log is told of a step that still runs."""


class ProgressDisplay:
    """A listener for `aegisdb.progress.Event`.

    Events are kept until `PATIENCE` is over. Then a terminal gets rows that live (rich is imported only now),
    and anything else gets one line for each step that has ended, and one for a step that still runs after `LONG`.
    """

    def __init__(self, *, write: Callable[[str], None], mask: Callable[[str], str], live: Callable[[], bool]) -> None:
        self._write = write
        self._mask = mask
        self._wants_live = live
        self._lock = threading.RLock()
        self._started = time.monotonic()
        self._kept: list[str] = []
        self._running: dict[tuple[str, str], tuple[str, float]] = {}
        self._told: set[tuple[str, str]] = set()
        self._timer: threading.Timer | None = None
        self._rows: LiveRows | None = None

    def __call__(self, event: Event) -> None:
        """Take one event; called from any thread."""
        with self._lock:
            if not self._running and self._timer is None and self._rows is None:
                self._arm()
            key = (event.step, event.subject)
            # whom it waits for and what will be lost is what a person must know at once; neither has an end to tell
            urgent = event.seconds is None and not event.over and event.step.startswith(("wait", "will "))
            if event.seconds is not None or event.over:
                self._running.pop(key, None)
                self._told.discard(key)
            elif not event.step.startswith("will "):
                began = self._running.get(key, ("", time.monotonic()))[1]  # of a step whose note changes as it goes
                self._running[key] = (event.note, began)
            if event.seconds is not None or urgent:
                self._kept.append(_line(event))
            if urgent or time.monotonic() - self._started > PATIENCE:
                self._release()

    def pause(self) -> None:
        """Take live rows off the screen while something else is printed."""
        with self._lock:
            if self._rows is not None:
                self._rows.stop()
                self._rows = None
            self._disarm()

    def resume(self) -> None:
        """Go on after `pause`."""
        with self._lock:
            if self._running:
                self._arm()

    def close(self) -> None:
        """Forget everything; what was kept back is not worth showing any more."""
        with self._lock:
            self.pause()
            self._kept.clear()
            self._running.clear()
            self._started = time.monotonic()

    def _arm(self) -> None:
        wait, then = (PATIENCE, self._go_live) if self._wants_live() else (LONG, self._tell_running)
        self._timer = threading.Timer(wait, then)
        self._timer.daemon = True
        self._timer.start()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_live(self) -> None:
        from aegisdb.output.live_rows import LiveRows  # costs 90 ms, which does not matter after a second

        with self._lock:
            if self._timer is None or not self._running:
                self._timer = None
                return
            self._timer = None
            self._rows = LiveRows(self._running, self._mask)
            self._rows.start()
            self._release()

    def _tell_running(self) -> None:
        with self._lock:
            if self._timer is None:
                return
            self._timer = None
            now = time.monotonic()
            for key, (note, started) in self._running.items():
                if now - started >= LONG and key not in self._told:
                    self._told.add(key)
                    self._write("  " + " ".join(filter(None, [*key, note, f"... for {duration(now - started)}"])))
            if self._running:
                self._arm()

    def _release(self) -> None:
        lines, self._kept = self._kept, []
        for line in lines:
            if self._rows is not None:
                self._rows.print_above(line)
            else:
                self._write(line)


def _line(event: Event) -> str:
    time_taken = f"  {duration(event.seconds)}" if event.seconds is not None else ""
    return "  " + " ".join(filter(None, [event.step, event.subject, event.note])) + time_taken
