"""Whether the entry of a service finds the revisions that Alembic finds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aegisdb.errors import HistoryError
from aegisdb.files import shown
from aegisdb.plain_text import number_of
from aegisdb.registry.types import AlembicSettings, Service
from aegisdb.revisions.cache import Listing
from aegisdb.revisions.locate import located
from aegisdb.revisions.unseen import refuse_unseen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aegisdb.revisions.locations import Locations


class Seen(NamedTuple):
    """How many revisions the entry finds, and what a person should look at."""

    number: int
    notes: tuple[str, ...] = ()


def seen_revisions(name: str, home: Path, entry: Mapping[str, Any], files: Sequence[str]) -> Seen:
    """Read the folders that the entry names, as every command will, and compare with Alembic's own `files`."""
    service = Service(path=entry["path"], runner=tuple(entry.get("runner", ())) or None)
    try:
        locations = located(name, str(home), service, AlembicSettings(**entry["alembic"]))
        listed = _listed(locations)
        if not listed:
            refuse_unseen(name, locations)
    except HistoryError as error:
        return Seen(0, (f"{error.message}: {error.hint}" if error.hint else error.message,))
    if listed != {Path(file).resolve() for file in files}:
        told = "name their folders under `alembic.version_locations`"
        return Seen(
            len(listed), (f"Alembic finds {number_of(len(files), 'revision')}, this entry {len(listed)}: {told}",)
        )
    if not listed:
        return Seen(0, (f"there is no revision yet in {', '.join(shown(path, home) for path in locations.versions)}",))
    return Seen(len(listed))


def _listed(locations: Locations) -> set[Path]:
    directories = dict.fromkeys(str(path) for path in locations.versions)
    return {Path(path).resolve() for path in Listing(directories, recursive=locations.recursive).paths}
