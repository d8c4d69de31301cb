"""The pace of a backfill: the size of a batch by its time, rests between batches, and a look at the standbys."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from aegisdb.runtime.worker.statements import rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from aegisdb.backfills.wanted import Wanted

_FIRST = 500
_MOST = 50_000
_LOOK = 1.0  # seconds between two looks at the standbys
_STANDBYS = """
SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0'),
    pg_catalog.min(pg_catalog.pg_wal_lsn_diff(coalesce(replay_lsn, flush_lsn), '0/0'))
    FILTER (WHERE state IN ('streaming', 'catchup'))
FROM pg_catalog.pg_stat_replication
"""


class Pace:
    """Decides on the next batch from the ones before."""

    def __init__(self, wanted: Wanted, *, rests: bool) -> None:
        self.size = _FIRST
        self._wanted = wanted
        self._rests = rests
        self._looked = 0.0
        self._seen: deque[tuple[float, int]] = deque()
        """The times at which the server had reached a place in its WAL, oldest first."""

    def took(self, seconds: float, size: int) -> None:
        """Size the next batch after one of `size` keys: as large as fits into `hold`, and at most twice as large."""
        factor = min(2.0, max(0.5, self._wanted.hold / max(seconds, 1e-6)))
        if size >= self.size or factor < 1:
            self.size = min(_MOST, max(1, int(size * factor)))

    def halve(self) -> None:
        """Halve the next batch, since this one was undone."""
        self.size = max(1, self.size // 2)

    def rest(self, seconds: float) -> None:
        """Leave the server to others in proportion to the time that a batch took."""
        if self._rests and self._wanted.share < 1:
            time.sleep(seconds * (1 - self._wanted.share) / self._wanted.share)

    def wait_for_standbys(self, connection: Any, waits: Callable[[float], None]) -> None:
        """Wait while a standby is further behind than it may be; `waits` is told of each second."""
        if not self._rests or time.monotonic() - self._looked < _LOOK:
            return
        while (behind := self._behind(connection)) > self._wanted.max_lag:
            waits(behind)
            time.sleep(_LOOK)
        self._looked = time.monotonic()

    def _behind(self, connection: Any) -> float:
        """Return the seconds since the server was where the slowest standby is now, as far as this run has seen."""
        now, slowest = rows(connection, _STANDBYS)[0]
        if slowest is None:  # there is none, or this role may not see it
            return 0.0
        self._seen.append((time.monotonic(), int(now)))
        while len(self._seen) > 1 and self._seen[1][1] <= slowest:
            self._seen.popleft()
        return time.monotonic() - self._seen[0][0] if int(now) > slowest else 0.0
