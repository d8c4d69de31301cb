"""What squawk said about revisions, kept as long as nothing that it depends on has changed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aegisdb.file_cache import Kind, Remembered, identity
from aegisdb.lint.finding_cache import of_rows, rows, rules_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aegisdb.lint.rule import Finding
    from aegisdb.registry.types import Registry

_FILE = Kind("cache/squawk/{name}.json")
_CONFIGURATION = ".squawk.toml"
_WRITTEN = "written"  # in the place of a digest


class Answers(Remembered):
    """A cache of one service beside the registry; another squawk or configuration of it forgets all of it.

    An answer about what the file itself says holds while the file is the same; one about what a worker rendered, only
    for that very SQL, for env.py and all that it imports have a say in it.
    """

    def __init__(self, registry: Registry, service: str, key: str, seen: dict[str, list[int]]) -> None:
        """`key` is `squawk_key`."""
        super().__init__(_FILE.file(registry.state, service, key=key), seen)
        self._service = service

    def of_text(self, path: Path, shown: str) -> list[Finding] | None:
        """What was found in a file that is still the same and says everything itself."""
        return self._findings(path, shown, _WRITTEN)

    def of_script(self, path: Path, shown: str, script: str) -> list[Finding] | None:
        """The findings of a file that is still the same and renders this SQL; None where nothing is kept."""
        return self._findings(path, shown, _digest(script))

    def is_rendered(self, path: Path) -> bool:
        """Whether it is known that the file, which is still the same, does not say everything itself."""
        known = self.get(path)
        return known is not None and known[0] != _WRITTEN

    def keep(self, path: Path, script: str | None, findings: Iterable[Finding]) -> None:
        """Remember an answer; `script` is what was rendered, None where the file says everything itself."""
        self.put(path, [_WRITTEN if script is None else _digest(script), rows(findings)])

    def _findings(self, path: Path, shown: str, digest: str) -> list[Finding] | None:
        known: list[Any] | None = self.get(path)
        return of_rows(known[1], self._service, shown) if known is not None and known[0] == digest else None


def _digest(script: str) -> str:
    return hashlib.sha256(script.encode("utf-8", "surrogatepass")).hexdigest()


def configurations(registry: Registry) -> list[Path]:
    """The files that squawk may be configured by."""
    places = (directory / _CONFIGURATION for directory in (registry.root, *registry.root.parents))
    return [file for file in places if file.is_file()]


def squawk_key(registry: Registry, program: str, version: str) -> str:
    """Hash what its answers depend on besides the SQL."""
    found = [*rules_key(registry), program, version, str(identity(Path(program)))]
    found += [f"{file} {identity(file)}" for file in configurations(registry)]
    return hashlib.sha256("\n".join(found).encode()).hexdigest()
