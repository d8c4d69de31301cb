"""An engine as the rest knows it: an `Executor`, how wide it is, and whether anybody still works there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor


@dataclass(frozen=True)
class Engine:
    """A running engine."""

    name: str
    executor: Executor
    width: int
    """How many calls it makes at once."""
    alive: Callable[[], bool]
    """Whether a call that it was given may still be answered."""
