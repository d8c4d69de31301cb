"""How the steps of a run are done, whatever service they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.progress import Listener, silent

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb.postgres.connection import Connection
    from aegisdb.postgres.locks import WriterLock

_LOADING = 120.0  # seconds


@dataclass(frozen=True, kw_only=True)
class StepOptions:
    """Choices that hold for every step of a session, or of several."""

    listen: Listener = silent
    """The listener that is told of each step."""
    journal: bool = True
    """Whether steps leave a trace in the side schema; False for databases that are thrown away or copied."""
    timeout: float | None = None
    """Seconds that one revision may take."""
    command: str = ""
    """What was typed, for the journal."""
    strict: bool = False
    """Whether a revision that ends its transaction by itself is half-applied (Dirty); it does not matter where a
    database is thrown away or replaced as a whole."""
    observe: bool = False
    """Whether the worker tells the statements, locks and rows of each step."""
    instead: tuple[Path, Path] | None = None
    """A directory, and another one whose files are imported instead of those below it."""
    lock: WriterLock | None = None
    """Proven before each step and while one takes long."""
    idle: Connection | None = None
    """A session on the same database that has nothing to do meanwhile, to look around with."""

    @property
    def patience(self) -> float | None:
        """Seconds for loading Alembic and the models, which is no revision's fault; None without a `timeout`."""
        return None if self.timeout is None else max(self.timeout, _LOADING)


RECORDED = StepOptions()
"""Options for steps that the journal records, without a listener."""
UNRECORDED = StepOptions(journal=False)
"""Options for a database that is thrown away, without a listener."""
