"""The files and directories of a history."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from aegisdb.fast_dataclass import dataclass


class Places(NamedTuple):
    """Files and directories of one history as texts: paths of a thousand services cost more than a look at them."""

    home: str
    ini: str
    """Empty where there is none, as `pyproject`."""
    pyproject: str
    script: str
    versions: tuple[str, ...]
    recursive: bool


@dataclass(frozen=True)
class Locations:
    """Files and directories of one history."""

    places: Places

    @property
    def home(self) -> Path:
        """The service's directory: relative paths start here, as they do for `alembic` typed in it."""
        return Path(self.places.home)

    @property
    def ini(self) -> Path | None:
        """Its alembic.ini, or what it has instead."""
        return Path(self.places.ini) if self.places.ini else None

    @property
    def pyproject(self) -> Path | None:
        """The pyproject.toml that Alembic reads."""
        return Path(self.places.pyproject) if self.places.pyproject else None

    @property
    def script(self) -> Path:
        """Directory of env.py."""
        return Path(self.places.script)

    @property
    def versions(self) -> tuple[Path, ...]:
        """Directories of revision files."""
        return tuple(map(Path, self.places.versions))

    @property
    def recursive(self) -> bool:
        """Whether revisions stand in directories of those, too."""
        return self.places.recursive

    @property
    def inside(self) -> bool:
        """Whether one of revisions is in that of env.py: where the one is, so is the other."""
        return self.places.versions[0].startswith(f"{self.places.script}/")

    @property
    def env_py(self) -> Path:
        """The environment script."""
        return self.script / "env.py"
