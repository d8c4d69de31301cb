"""One total deadline for everything that a seed does: start of a server, request, slow answer."""

from __future__ import annotations

import time


class Deadline:
    """Seconds from now on, shared by all steps of one seed."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds that are left, 0 when it is over."""
        return max(0.0, self._end - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether no time is left."""
        return self.remaining == 0.0
