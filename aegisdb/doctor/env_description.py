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
from aegisdb.progress import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aegisdb.file_cache import KeptFile
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.runtime.forkserver import WarmProcess
    from aegisdb.workspace import Workspace

Described = dict[str, Any]
_DESCRIBED = Kind("cache/described/{name}.json")


def describe_all(ws: Workspace, histories: Sequence[History]) -> dict[str, Described | AegisError]:
    """What the env.py of each service says; services without a runner are asked in forks of one process."""
    from concurrent.futures import ThreadPoolExecutor

    from aegisdb.runtime.forkserver import warm_process

    found = {history.service: _remembered(ws.registry, history) for history in histories}
    unknown = [history for history in histories if found[history.service] is None]
    without_runner = [h for h in unknown if not ws.registry.services[h.service].runner]
    warm = warm_process(ws.registry) if len(without_runner) > 1 else None
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        asked = pool.map(lambda history: _ask(ws.registry, history, warm), unknown)
        told = counted(ws.listen, "env.py", asked, len(unknown))
        new = {history.service: answer for history, answer in zip(unknown, told, strict=True)}
    return {service: new[service] if known is None else known for service, known in found.items()}


def _remembered(registry: Registry, history: History) -> Described | None:
    # what another environment has installed cannot be seen from here, so such a service is asked each time
    config = _config(history)
    if config is None or registry.services[history.service].runner:
        return None
    known: Described | None = _kept(registry, history, config).read_json()
    return known


def _ask(registry: Registry, history: History, warm: WarmProcess | None) -> Described | AegisError:
    """Run env.py once in the service's environment, without a database; an error is remembered by nobody."""
    from aegisdb.workflows.service.description import describe_history

    runner, config = registry.services[history.service].runner, _config(history)
    if config is None:
        return HistoryError(f"{history.service}: no alembic.ini and no pyproject.toml to run env.py with")
    try:
        found = describe_history(history.locations.home, config, tuple(runner or ()), warm=None if runner else warm)
    except AegisError as error:
        return error
    if not runner:
        _kept(registry, history, config).keep_json(found)
    return found


def _config(history: History) -> Path | None:
    return history.locations.ini or history.locations.pyproject


def _kept(registry: Registry, history: History, config: Path) -> KeptFile:
    return _DESCRIBED.file(registry.state, _digest(history.locations.home, config, history.locations.script))


def _digest(home: Path, config: Path, script: Path) -> str:
    """Hash everything that the answer depends on: the service's code, its configuration, what is installed here."""
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
