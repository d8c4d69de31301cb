"""Rows of running steps on a terminal, by rich; imported only when something takes long enough."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class LiveRows:
    """One row for each step of `running` ((step, subject) -> (note, start)), redrawn ten times a second on stderr."""

    def __init__(self, running: Mapping[tuple[str, str], tuple[str, float]], mask: Callable[[str], str]) -> None:
        self._running = running
        self._mask = mask
        self._spinner = Spinner("dots" if _takes_unicode() else "line")
        self._live = Live(
            get_renderable=self._table, console=Console(stderr=True), transient=True, refresh_per_second=10
        )

    def start(self) -> None:
        """Draw from now on."""
        self._live.start()

    def stop(self) -> None:
        """Take the rows off the screen."""
        self._live.stop()

    def print_above(self, line: str) -> None:
        """Print a line that stays."""
        self._live.console.print(Text(self._mask(line), style="dim"))

    def _table(self) -> Table:
        rows = Table.grid(padding=(0, 1))
        now = time.monotonic()
        for (step, subject), (note, started) in list(self._running.items()):
            label = self._mask(" ".join(filter(None, (step, subject, note))))
            seconds = int(now - started)  # tenths would only flicker
            rows.add_row(self._spinner, Text(label), Text(f"{seconds} s" if seconds else "", style="dim"))
        return rows


def _takes_unicode() -> bool:
    return Console(stderr=True).encoding.lower().startswith("utf")
