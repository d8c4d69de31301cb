"""Comparisons of models that were made before: each holds as long as all that was imported for it is the same."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aegisdb.file_cache import Kind
from aegisdb.fingerprint import Change
from aegisdb.models.results import LostModel, ModelsCompared, OtherKind
from aegisdb.runtime.loaded_code import CodeHashes, changed_at, older
from aegisdb.runtime.step_results import Loaded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.file_cache import KeptFile
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History

_COMPARED = Kind("cache/models/{name}.json")
_FORMAT = 2
"""What is compared: an older build did not ask plugins of autogenerate."""


def is_older(registry: Registry, history: History) -> bool:
    """Whether a file that a kept comparison read was written after it, which is quick to tell and may mean nothing."""
    file = _COMPARED.file(registry.state, history.service)
    known = file.read_json()
    return isinstance(known, dict) and any(changed_at(path) > changed_at(file.path) for path in known["files"])


class KeptComparisons:
    """Comparisons with one state of the histories, which `template` names."""

    def __init__(self, registry: Registry, template: str) -> None:
        self._registry = registry
        self._template = template
        self._code = CodeHashes(registry)

    def get(self, history: History) -> tuple[ModelsCompared, Loaded] | None:
        """The kept result of a time when everything was as it is now, and what was imported; None without one."""
        known = self._file(history).read_json()
        if not isinstance(known, dict):
            return None
        loaded = Loaded(files=tuple(known["files"]), places=tuple(known["places"]))
        if known["digest"] != self._digest(history, loaded):
            return None
        return _compared(known["found"]), loaded

    def keep(self, history: History, loaded: Loaded, found: ModelsCompared, since: float) -> None:
        """Keep what was found; not where a file changed after `since`, when the models may have been loaded already."""
        if older(self._registry, history, loaded, since):
            told = {"digest": self._digest(history, loaded), **asdict(loaded), "found": asdict(found)}
            self._file(history).keep_json(told)

    def _file(self, history: History) -> KeptFile:
        return _COMPARED.file(self._registry.state, history.service)

    def _digest(self, history: History, loaded: Loaded) -> str:
        code = self._code.of(history, loaded)
        return hashlib.sha256(f"{_FORMAT} {self._template} {code}".encode()).hexdigest()


def _compared(plain: Mapping[str, Any]) -> ModelsCompared:
    return ModelsCompared(
        changes=tuple(Change(**change) for change in plain["changes"]),
        lost=tuple(LostModel(**model) for model in plain["lost"]),
        others=tuple(OtherKind(**model) for model in plain["others"]),
        not_built=plain["not_built"],
        tables=plain["tables"],
    )
