"""Files that revisions were seen to read when they ran, in `.aegisdb/read.json`: what they do stands there, too.

Nobody knows them before the revisions have run. A database that is kept under a hash gets its name after that.
"""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING

from aegisdb.file_cache import Kind
from aegisdb.runtime.loaded_code import content

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History

_FILE = Kind("read.json", outlasts=1)
_lock = Lock()
_seen: dict[tuple[Path, str], set[str]] = {}
"""What this process was told, by registry and service: another one may write the file at the same time."""


def note(registry: Registry, history: History, paths: Iterable[str]) -> None:
    """Remember that revisions of a service read these files or listed these directories."""
    more = [_told(registry, path) for path in paths if not _is_beside(history, path)]
    if not more:
        return
    with _lock:
        service, known = history.service, _kept(registry)
        mine = _seen.setdefault((registry.root, service), set())
        mine.update(more)
        if not mine <= set(known.get(service, ())):
            known[service] = sorted({*known.get(service, ()), *mine})
            _FILE.file(registry.state).keep_json(known)


class FilesRead:
    """What is known now of the services of one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        with _lock:
            self._kept = _kept(registry)
            self._seen = {name: set(paths) for (root, name), paths in _seen.items() if root == registry.root}

    def contents(self, service: str) -> Iterator[bytes]:
        """Name these files, with their contents."""
        for told in sorted({*self._kept.get(service, ()), *self._seen.get(service, ())}):
            yield told.encode("utf-8", "surrogateescape")
            yield content(str(self._registry.root / told))


def _kept(registry: Registry) -> dict[str, list[str]]:
    found = _FILE.file(registry.state).read_json()
    listed = found.items() if isinstance(found, dict) else ()
    return {
        name: [path for path in paths if isinstance(path, str)] for name, paths in listed if isinstance(paths, list)
    }


def _told(registry: Registry, path: str) -> str:
    """Name it as another checkout has it, too, where it is below services.yaml."""
    root = f"{registry.root}{os.sep}"
    return path.removeprefix(root)


def _is_beside(history: History, path: str) -> bool:
    """Whether it counts anyway: beside env.py and revisions, or what these import from the service."""
    places = history.locations.places
    imported = (f"{places.home}/{name}{end}" for name in history.summary.imports for end in ("/", ".py"))
    return path.startswith((*(f"{place}/" for place in (places.script, *places.versions)), *imported))
