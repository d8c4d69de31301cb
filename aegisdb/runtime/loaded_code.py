"""The code that a service's process loads, as one hash: the same hash means that the same code would run.

The worker tells which files env.py loaded and where packages are installed. The files count by their content, packages
by their versions, and the names of the service's modules because env.py may look for more of them. What env.py reads
from its environment does not count; `.env` files beside it and beside services.yaml do.
"""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.file_cache import STATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.runtime.step_results import Loaded

_SKIPPED = frozenset({"__pycache__", "node_modules", ".git", ".venv", "venv", ".tox", "site-packages", STATE})
_PACKAGE = (".dist-info", ".egg-info", ".pth")
_DOTENV = ".env"


class CodeHashes:
    """Hashes of what services of one registry load; what is the same for hundreds of them is looked at once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._installed: dict[str, bytes] = {}

    def of(self, history: History, loaded: Loaded) -> str:
        """Hash what the service's process loads, with its entry and all owners in services.yaml."""
        service = self._registry.services[history.service]
        digest = hashlib.sha256(repr((service, self._owns, sorted(loaded.files))).encode())
        for path in sorted({*loaded.files, *_configuring(self._registry, history)}):
            digest.update(content(path))
        for place in loaded.places:
            digest.update(self._packages(place))
        digest.update("\n".join(sorted(modules(str(history.locations.home)))).encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    @cached_property
    def _owns(self) -> str:
        """Digest of what each service owns: with hundreds of services too much to hash for each again."""
        owns = {name: (one.schema, one.owns) for name, one in self._registry.services.items()}
        return hashlib.sha256(repr(owns).encode()).hexdigest()

    def _packages(self, place: str) -> bytes:
        """The packages that were installed when this was first asked; a later installation makes the hash differ."""
        if place not in self._installed:
            self._installed[place] = "\n".join(packages(place)).encode()
        return self._installed[place]


def older(registry: Registry, history: History, loaded: Loaded, moment: float) -> bool:
    """Whether no such file changed after this moment, when it may have been read already."""
    there = [path for path in _configuring(registry, history) if Path(path).exists()]
    return all(changed_at(path) < moment for path in (*loaded.files, *there))


def _configuring(registry: Registry, history: History) -> list[str]:
    places = history.locations
    found = [str(path) for path in (places.env_py, places.ini, places.pyproject) if path]
    return found + [str(place / _DOTENV) for place in (registry.root, places.home)]


def changed_at(path: str | Path) -> float:
    """When a file was changed last; infinity for one that cannot be asked.

    One that is not there was removed when its directory changed, or before.
    """
    try:
        status = Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return changed_at(Path(path).parent)
    except OSError:
        return float("inf")
    return max(status.st_mtime, status.st_ctime)


def content(path: str) -> bytes:
    """Hash a file, or the names in a directory."""
    try:
        if Path(path).is_dir():
            names = sorted(one.name for one in Path(path).iterdir() if one.name not in _SKIPPED)
            return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).digest()
        return hashlib.sha256(Path(path).read_bytes()).digest()
    except OSError:
        return b"gone"


def packages(place: str) -> list[str]:
    """Name what is installed in a directory, with versions."""
    try:
        return sorted(path.name for path in Path(place).iterdir() if path.name.endswith(_PACKAGE))
    except OSError:
        return []


def modules(directory: str) -> Iterable[str]:
    """Paths of the modules below a directory."""
    return [path for path in below(directory) if path.endswith(".py")]


def below(directory: str) -> Iterator[str]:
    """Paths of the files below a directory, without those of environments, caches and git."""
    for where, folders, names in os.walk(directory):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        yield from (f"{where}/{name}" for name in names)
