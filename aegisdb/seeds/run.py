"""The circumstances of a seed's run: database, folder, deadline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.fast_dataclass import dataclass

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb import runners
    from aegisdb.postgres.address import Address
    from aegisdb.progress import Listener
    from aegisdb.registry.types import Registry
    from aegisdb.seeds.deadline import Deadline


@dataclass(frozen=True, kw_only=True)
class SeedRun:
    """A run of a seed."""

    registry: Registry
    service: str
    address: Address
    """The database that it fills."""
    deadline: Deadline
    bindir: Path | None
    """The directory of psql; None for PATH."""
    listen: Listener

    @property
    def home(self) -> Path:
        """The service's folder."""
        return self.registry.root / self.registry.services[self.service].path

    @property
    def runner(self) -> runners.Runner:
        """How the service's environment is reached."""
        return self.registry.services[self.service].runner
