"""Messages of a worker before its answer, passed on as progress."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aegisdb.progress import OFTEN, Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aegisdb.progress import Listener


class News:
    """The news of one service's worker."""

    def __init__(self, service: str, listen: Listener) -> None:
        self._service = service
        self._listen = listen
        self._began = 0.0
        """When the backfill that is under way was heard of first, and when a line told of it last."""
        self._told = 0.0

    def left_out(self, names: Sequence[str]) -> None:
        """Name what env.py has in its `target_metadata` that is no MetaData."""
        note = f"of target_metadata, which is no MetaData: {', '.join(names)}"
        self._listen(Event(step="will leave out", subject=self._service, note=note))

    def backfill(self, text: str) -> None:
        """How far a backfill has got; a line of its own every ten seconds."""
        now = time.monotonic()
        if now - self._told >= 2 * OFTEN:
            self._began = self._told = now
        self._listen(Event(step="backfill", subject=self._service, note=text))
        if now - self._told >= OFTEN:
            self._told = now
            self._listen(Event(step="backfill", subject=self._service, note=text, seconds=now - self._began))

    def over(self) -> None:
        """The answer is there: what was shown of a backfill goes."""
        if self._told:
            self._told = 0.0
            self._listen(Event(step="backfill", subject=self._service, over=True))
