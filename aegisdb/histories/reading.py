"""Reads the histories of a registry from disk, with a cache keyed by each file's identity."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aegisdb.errors import HistoryError
from aegisdb.histories.locations import alembic_settings, locate
from aegisdb.histories.revisions import History, arrange
from aegisdb.histories.scan import Revision, scan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.registry.types import Registry

_FORMAT = 1
_SETTLED = 2.0  # seconds: a file changed later than this may change again within its timestamp's resolution


def read_history(registry: Registry, service: str) -> History:
    """Read one service's history.

    Raises:
        HistoryError: its files cannot be read or contradict each other.
    """
    with _Scanner(registry.state) as scanner:
        return _read(registry, service, scanner)


def read_histories(registry: Registry) -> dict[str, History | HistoryError]:
    """Read every history; a broken one is its error, and the others still work."""
    found: dict[str, History | HistoryError] = {}
    with _Scanner(registry.state) as scanner:
        for name in with_history(registry):
            try:
                found[name] = _read(registry, name, scanner)
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


def _read(registry: Registry, name: str, scanner: _Scanner) -> History:
    settings = alembic_settings(registry, name)
    locations = locate(registry, name)
    found = [
        scanner.scan(entry)
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


class _Scanner:
    """Scans files, remembering between runs those that have not changed."""

    def __init__(self, state: Path) -> None:
        self._path = state / "cache" / "revisions.json"
        self._known: dict[str, Any] = {}
        self._changed = False

    def __enter__(self) -> Self:
        try:
            stored = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return self  # a cache: absent or damaged means scanning again
        if isinstance(stored, dict) and stored.get("format") == _FORMAT:
            self._known = stored["files"]
        return self

    def scan(self, entry: os.DirEntry[str]) -> Revision:
        """The revision in a file, from the cache when the file is the same."""
        status = entry.stat()
        identity = [status.st_mtime_ns, status.st_size, status.st_ino]
        known = self._known.get(entry.path)
        if known is not None and known[0] == identity:
            return _from_json(entry.path, known[1])
        revision = scan(Path(entry.path))
        if time.time() - status.st_mtime > _SETTLED:
            self._known[entry.path] = [identity, _to_json(revision)]
            self._changed = True
        return revision

    def __exit__(self, *_: object) -> None:
        if not self._changed:
            return
        temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps({"format": _FORMAT, "files": self._known}))
            temporary.replace(self._path)
        except OSError:
            return  # a read-only checkout works without a cache


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
        path=Path(path),
        line=line,
        one_way=one_way,
        digest=digest,
        references=tuple(references),
    )
