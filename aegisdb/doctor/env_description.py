"""What a service's env.py tells Alembic: from a run of it without a database, kept while the code is the same."""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aegisdb.errors import AegisError, HistoryError
from aegisdb.file_cache import Kind

if TYPE_CHECKING:
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace

Described = dict[str, Any]
_DESCRIBED = Kind("cache/described/{name}.json")


def describe(ws: Workspace, history: History) -> Described | AegisError:
    """Run env.py once in the service's environment, without a database; an error is remembered by nobody."""
    from aegisdb.workflows.service.description import describe_history

    service = ws.registry.services[history.service]
    home, config = history.locations.home, history.locations.ini or history.locations.pyproject
    if config is None:
        return HistoryError(f"{history.service}: no alembic.ini and no pyproject.toml to run env.py with")
    kept = _DESCRIBED.file(ws.registry.state, _digest(home, config, history.locations.script))
    # what another environment has installed cannot be seen from here, so such a service is asked each time
    known: Described | None = None if service.runner else kept.read_json()
    if known is not None:
        return known
    try:
        found = describe_history(home, config, tuple(service.runner or ()))
    except AegisError as error:
        return error
    if not service.runner:
        kept.keep_json(found)
    return found


def _digest(home: Path, config: Path, script: Path) -> str:
    """Of everything that the answer depends on: the service's code, its configuration, what is installed here."""
    installed = Path(sysconfig.get_path("purelib"))
    digest = hashlib.sha256(f"{sys.prefix} {home} {installed.stat().st_mtime_ns}".encode())
    for path in dict.fromkeys((config, script / "env.py", *sources(home), *sources(script))):
        digest.update(f"\0{path}\0".encode())
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()[:32]


SKIPPED = frozenset({".venv", "venv", ".git", "node_modules", "__pycache__", ".tox", "site-packages", "tests", "test"})


def sources(home: Path) -> list[Path]:
    """Python files below a directory: no tests, no environments."""
    files: list[Path] = []
    for directory, folders, names in os.walk(home):
        folders[:] = sorted(set(folders) - SKIPPED)
        files += [
            Path(directory, name)
            for name in sorted(names)
            if name.endswith(".py") and not name.startswith("test_") and name != "conftest.py"
        ]
    return files
