"""The arguments that a revision gives to a backfill, and the error of one that cannot go on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


class BackfillStopped(Exception):
    """A backfill cannot go on; what its batches committed is kept, and the next run goes on behind them."""

    says_all = True
    """Whether the message is complete: it includes the server's error that caused it."""

    def __init__(self, message: str, hint: str = "", *, sqlstate: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.message = message
        self.hint = hint
        self.sqlstate_told = sqlstate


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The arguments of `aegisdb.backfill`."""

    table: str
    set: str
    where: str
    key: tuple[str, ...]
    share: float
    hold: float
    lock_timeout: float
    patience: float
    max_lag: float

    def require_sound(self) -> None:
        """Refuse arguments that are wrong whatever the database is.

        Raises:
            ValueError: an argument is empty or out of its range.
        """
        for name in ("table", "set", "where"):
            if not getattr(self, name).strip():
                raise ValueError(f"aegisdb.backfill: {name} is empty")
        if not 0 < self.share <= 1:
            raise ValueError(f"aegisdb.backfill: share={self.share} is not above 0 and at most 1")
        for name in ("hold", "lock_timeout", "patience", "max_lag"):
            if getattr(self, name) <= 0:
                raise ValueError(f"aegisdb.backfill: {name}={getattr(self, name)} is not above 0")

    @property
    def digest(self) -> str:
        """A hash of what the backfill does to which rows; its pace does not count."""
        return hashlib.sha256("\0".join((self.table, self.set, self.where, *self.key)).encode()).hexdigest()
