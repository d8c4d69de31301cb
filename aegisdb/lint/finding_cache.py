"""Findings about files that have not changed since they were judged, so that `--all` is quick the next time."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from aegisdb.file_cache import Kind, Remembered
from aegisdb.lint.rule import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from aegisdb.registry.types import Registry

_FILE = Kind("cache/lint.json")


class Verdicts(Remembered):
    """A cache beside the registry; another owner or another Python forgets all of it."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(_FILE.file(registry.state, key=_key(registry)))

    def findings(self, path: Path) -> list[Finding] | None:
        """What was found in a file that is still the same; None where it must be judged."""
        known = self.get(path)
        return None if known is None else [Finding(**finding) for finding in known]

    def keep(self, path: Path, findings: Iterable[Finding]) -> None:
        """Remember what was found."""
        self.put(path, [asdict(finding) for finding in findings])


def rules_key(registry: Registry) -> list[str]:
    """What every finding depends on besides its file and the rules: this Python, where the registry is."""
    return [sys.version, str(registry.root)]


def _key(registry: Registry) -> str:
    """The same with what rules ask the registry for: owners, version tables."""
    found = rules_key(registry)
    for name, service in registry.services.items():
        table = service.alembic.version_table if service.alembic else ""
        found.append(f"{name} {service.owns} {service.schema} {table}")
    return hashlib.sha256("\n".join(found).encode()).hexdigest()
