"""Findings about files that have not changed since they were judged, so that `--all` is quick the next time."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aegisdb.lint.model import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aegisdb.registry.types import Registry

_SETTLED = 2.0  # seconds: a file changed later than this may change again within its timestamp's resolution


class Verdicts:
    """A cache beside the registry; another rule, another owner or another Python forgets all of it."""

    def __init__(self, registry: Registry) -> None:
        self._path = registry.state / "cache" / "lint.json"
        self._key = _key(registry)
        self._known: dict[str, Any] = {}
        self._changed = False

    def __enter__(self) -> Self:
        try:
            stored = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return self  # absent or damaged: everything is judged again
        if isinstance(stored, dict) and stored.get("key") == self._key:
            self._known = stored["files"]
        return self

    def get(self, path: Path) -> list[Finding] | None:
        """What was found in a file that is still the same; None where it must be judged."""
        known = self._known.get(str(path))
        if known is None or known[0] != _identity(path):
            return None
        return [Finding(**finding) for finding in known[1]]

    def put(self, path: Path, findings: Iterable[Finding]) -> None:
        """Remember what was found."""
        identity = _identity(path)
        if time.time() - identity[0] / 1e9 > _SETTLED:
            self._known[str(path)] = [identity, [asdict(finding) for finding in findings]]
            self._changed = True

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None or not self._changed:
            return
        temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps({"key": self._key, "files": self._known}))
            temporary.replace(self._path)
        except OSError:
            return  # a read-only checkout works without a cache


def _identity(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_mtime_ns, status.st_size, status.st_ino]


def _key(registry: Registry) -> str:
    """Everything besides the file that a verdict depends on: the rules' own text, owners, version tables."""
    found = [sys.version, str(registry.root)]
    found += [f"{path}{_identity(path)}" for path in sorted(Path(__file__).parent.rglob("*.py"))]
    for name, service in registry.services.items():
        table = service.alembic.version_table if service.alembic else ""
        found.append(f"{name} {service.owns} {service.schema} {table}")
    return hashlib.sha256("\n".join(found).encode()).hexdigest()
