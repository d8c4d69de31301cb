"""Revisions that Alembic is not told of: a history that looks empty and is not."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.errors import HistoryError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.revisions.locations import Locations

_ASSIGNED = [re.compile(rf"^{name}\b[^=\n]*=".encode(), re.MULTILINE) for name in ("revision", "down_revision")]


def refuse_unseen(service: str, locations: Locations) -> None:
    """Refuse a history without a revision whose folders have folders with revisions in them.

    Raises:
        HistoryError: it is one: nothing would be pending, and nothing would ever run.
    """
    unseen = Counter(folder for location in locations.versions for folder in _folders(location))
    if not unseen:
        return
    counted = ", ".join(f"{number} in {folder}" for folder, number in sorted(unseen.items()))
    raise HistoryError(
        f"{service}: no revision is where Alembic looks for them, but there are {counted}",
        where=str(locations.ini or locations.pyproject or locations.env_py),
        hint="name the folder under `version_locations`, or set `recursive_version_locations: true` where all of them"
        " are one history: in Alembic's own configuration, or under `alembic` in services.yaml",
    )


def _folders(location: Path) -> Iterator[str]:
    """The folder of each revision file below, relative to what is above them all."""
    for folder, folders, names in os.walk(location):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in names if Path(folder) != location else ():
            if name.endswith(".py") and _is_revision(Path(folder, name)):
                yield Path(folder).relative_to(location.parent).as_posix()


def _is_revision(file: Path) -> bool:
    text = file.read_bytes()
    return all(assigned.search(text) for assigned in _ASSIGNED)
