"""What a session's steps give back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Direction = Literal["upgrade", "downgrade"]


@dataclass(frozen=True, kw_only=True)
class StepDone:
    """One revision that was applied or reverted, committed and recorded."""

    service: str
    revision: str
    message: str
    direction: Direction
    seconds: float
    ended_transaction: bool = False
    """Whether it said COMMIT or ROLLBACK by itself."""
    observed: Mapping[str, Any] | None = None
    """What it did, as the worker tells it; only where a session observes."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What autogenerate found; `path` is None when no file was written."""

    path: Path | None
    operations: tuple[str, ...]
    drops: tuple[str, ...]
    """Those operations that lose data."""
    compared: int = 0
    """Own tables that were compared."""
