"""Reads the histories of a registry from disk, with a cache keyed by each file's identity."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aegisdb.errors import HistoryError
from aegisdb.histories.locations import alembic_settings, locate
from aegisdb.histories.revisions import History, arrange
from aegisdb.histories.scan import Revision, scan
from aegisdb.remembered import Remembered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.registry.types import Registry

_FORMAT = 3


def read_history(registry: Registry, service: str) -> History:
    """Read one service's history.

    Raises:
        HistoryError: its files cannot be read or contradict each other.
    """
    with _remembered(registry) as remembered:
        return _read(registry, service, remembered)


def read_histories(registry: Registry) -> dict[str, History | HistoryError]:
    """Read every history; a broken one is its error, and the others still work."""
    found: dict[str, History | HistoryError] = {}
    with _remembered(registry) as remembered:
        for name in with_history(registry):
            try:
                found[name] = _read(registry, name, remembered)
            except HistoryError as error:
                found[name] = error
    return found


def good_histories(registry: Registry) -> dict[str, History]:
    """Every history of the registry.

    Raises:
        HistoryError: the first one that cannot be read.
    """
    histories: dict[str, History] = {}
    for name, history in read_histories(registry).items():
        if isinstance(history, HistoryError):
            raise history
        histories[name] = history
    return histories


def with_history(registry: Registry) -> tuple[str, ...]:
    """Names of the services that have a history, in the registry's order."""
    return tuple(name for name, service in registry.services.items() if service.alembic is not None)


def _remembered(registry: Registry) -> Remembered:
    return Remembered(registry.state / "cache" / "revisions.json", _FORMAT)


def _read(registry: Registry, name: str, remembered: Remembered) -> History:
    settings = alembic_settings(registry, name)
    locations = locate(registry, name, remembered)
    found = [
        _scanned(entry, remembered)
        for directory in dict.fromkeys(path.resolve() for path in locations.versions)
        for entry in _files(directory, recursive=locations.recursive)
    ]
    return History(name, settings.version_table, registry.services[name].schema, locations, arrange(name, found))


def _files(directory: Path, *, recursive: bool) -> Iterator[os.DirEntry[str]]:
    with os.scandir(directory) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        # Alembic's rule for what is a revision file
        if entry.name.endswith(".py") and not entry.name.startswith((".#", "__init__")):
            yield entry
        elif recursive and entry.is_dir() and entry.name != "__pycache__":
            yield from _files(Path(entry.path), recursive=True)


def _scanned(entry: os.DirEntry[str], remembered: Remembered) -> Revision:
    known = remembered.get(entry)
    if known is not None:
        return _from_json(entry.path, known)
    revision = scan(Path(entry.path))
    remembered.put(entry, _to_json(revision))
    return revision


def _to_json(r: Revision) -> list[Any]:
    return [r.id, r.down, r.depends_on, r.labels, r.message, r.line, r.one_way, r.digest, r.references]


def _from_json(path: str, stored: list[Any]) -> Revision:
    identifier, down, depends_on, labels, message, line, one_way, digest, references = stored
    return Revision(
        id=identifier,
        down=tuple(down),
        depends_on=tuple(depends_on),
        labels=tuple(labels),
        message=message,
        file=path,
        line=line,
        one_way=one_way,
        digest=digest,
        references=tuple(references),
    )
