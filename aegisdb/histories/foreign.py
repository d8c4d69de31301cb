"""Questions to a service's own environment, where `runner` names one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from aegisdb.errors import HistoryError

_FIND = (
    "import importlib.util, sys; s = importlib.util.find_spec(sys.argv[1]); "
    "print(list(s.submodule_search_locations)[0] if s and s.submodule_search_locations else '')"
)


@cache
def package_directory(home: Path, runner: tuple[str, ...], package: str) -> Path:
    """Directory of an installed package in the environment that `runner` reaches.

    Raises:
        HistoryError: the runner does not start, or has no such package.
    """
    from aegisdb.processes import run

    finished = run([*runner, "python", "-c", _FIND, package], cwd=home, timeout=120)
    found = finished.stdout.strip().splitlines()
    if finished.returncode or not found:
        raise HistoryError(
            f"`{' '.join(runner)} python` finds no package {package}",
            where=str(home),
            hint=(finished.stderr.strip().splitlines() or ["install the service's environment"])[-1],
        )
    return Path(found[-1])
