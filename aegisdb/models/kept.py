"""Comparisons of models that were made before: each holds as long as all that was imported for it is the same.

The worker tells which files env.py loaded and where packages are installed. The files count by their content, packages
by their versions, and the names of the service's modules because env.py may look for more of them.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.file_cache import Kind
from aegisdb.fingerprint import Change
from aegisdb.models.results import LostModel, ModelsCompared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aegisdb.file_cache import KeptFile
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.runtime.step_results import Loaded

_COMPARED = Kind("cache/models/{name}.json")
_SKIPPED = frozenset({"__pycache__", "node_modules", ".git", ".venv", "venv", ".tox", "site-packages"})
_PACKAGE = (".dist-info", ".egg-info", ".pth")


def is_older(registry: Registry, history: History) -> bool:
    """Whether a file that a kept comparison read was written after it, which is quick to tell and may mean nothing."""
    file = _COMPARED.file(registry.state, history.service)
    known = file.read_json()
    return isinstance(known, dict) and any(_changed(path) > _changed(file.path) for path in known["files"])


class KeptComparisons:
    """Comparisons with one state of the histories, which `template` names."""

    def __init__(self, registry: Registry, template: str) -> None:
        self._registry = registry
        self._template = template
        self._installed: dict[str, bytes] = {}

    def get(self, history: History) -> ModelsCompared | None:
        """The kept result of a time when everything was as it is now; None without one."""
        known = self._file(history).read_json()
        if not isinstance(known, dict) or known["digest"] != self._digest(history, known["files"], known["places"]):
            return None
        found = known["found"]
        return ModelsCompared(
            changes=tuple(Change(**change) for change in found["changes"]),
            lost=tuple(LostModel(**model) for model in found["lost"]),
            not_built=found["not_built"],
            tables=found["tables"],
        )

    def keep(self, history: History, loaded: Loaded, found: ModelsCompared, since: float) -> None:
        """Keep what was found; not where a file changed after `since`, when the models may have been loaded already."""
        files = [path for path in loaded.files if _changed(path) < since]
        if len(files) == len(loaded.files):
            digest = self._digest(history, files, loaded.places)
            told = {"digest": digest, "files": files, "places": list(loaded.places), "found": asdict(found)}
            self._file(history).keep_json(told)

    def _file(self, history: History) -> KeptFile:
        return _COMPARED.file(self._registry.state, history.service)

    def _digest(self, history: History, files: Iterable[str], places: Iterable[str]) -> str:
        locations = history.locations
        service = self._registry.services[history.service]
        digest = hashlib.sha256(repr((self._template, service, self._owns, sorted(files))).encode())
        configured = [str(path) for path in (locations.env_py, locations.ini, locations.pyproject) if path]
        for path in sorted({*files, *configured}):
            digest.update(_content(path))
        for place in places:
            digest.update(self._packages(place))
        digest.update("\n".join(sorted(_modules(str(locations.home)))).encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    @cached_property
    def _owns(self) -> str:
        """Digest of what each service owns: with hundreds of services too much to hash for each again."""
        owns = {name: (one.schema, one.owns) for name, one in self._registry.services.items()}
        return hashlib.sha256(repr(owns).encode()).hexdigest()

    def _packages(self, place: str) -> bytes:
        """The packages that were installed when this was first asked; a later installation makes the digest differ."""
        if place not in self._installed:
            self._installed[place] = "\n".join(_packages(place)).encode()
        return self._installed[place]


def _changed(path: str | Path) -> float:
    try:
        status = Path(path).stat()
    except OSError:
        return float("inf")
    return max(status.st_mtime, status.st_ctime)


def _content(path: str) -> bytes:
    try:
        return hashlib.sha256(Path(path).read_bytes()).digest()
    except OSError:
        return b"gone"


def _packages(place: str) -> list[str]:
    """Installed packages with their versions."""
    try:
        return sorted(path.name for path in Path(place).iterdir() if path.name.endswith(_PACKAGE))
    except OSError:
        return []


def _modules(directory: str) -> list[str]:
    """Paths of the modules below a directory."""
    found: list[str] = []
    for where, folders, names in os.walk(directory):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        found += [f"{where}/{name}" for name in names if name.endswith(".py")]
    return found
