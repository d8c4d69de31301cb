"""Questions to a service's own environment, where `runner` names one."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from aegisdb.errors import HistoryError

if TYPE_CHECKING:
    from collections.abc import Iterator

_INSTALLED = frozenset({"site-packages", "dist-packages"})
_FIND = """
import importlib.machinery, importlib.util, sys
top, *parts = sys.argv[1].split(".")
spec = importlib.util.find_spec(top)
for part in parts:
    if spec is None or spec.submodule_search_locations is None:
        break
    spec = importlib.machinery.PathFinder.find_spec(part, spec.submodule_search_locations)
print(list(spec.submodule_search_locations)[0] if spec and spec.submodule_search_locations else "")
"""
# find_spec of a dotted name would import its parents, which may take seconds


@cache
def package_directory(home: Path, runner: tuple[str, ...], package: str) -> Path:
    """Directory of an installed package in the environment that `runner` reaches.

    Raises:
        HistoryError: the runner does not start, or has no such package.
    """
    from aegisdb import runners
    from aegisdb.processes import run

    env = runners.environment(runner, home)
    finished = run([*runners.python(runner, home), "-c", _FIND, package], cwd=home, env=env, timeout=120)
    found = finished.stdout.strip().splitlines()
    if finished.returncode or not found:
        raise HistoryError(
            f"`{' '.join(runner)} python` finds no package {package}",
            where=str(home),
            hint=(finished.stderr.strip().splitlines() or ["install the service's environment"])[-1],
        )
    return Path(found[-1])


@cache
def interpreter(home: Path, runner: tuple[str, ...]) -> str:
    """The Python itself that `runner` starts in the folder `home`.

    Raises:
        Failed: the runner does not start.
    """
    from aegisdb import runners
    from aegisdb.processes import run

    argv = [*runners.python(runner, home), "-c", "import sys; print(sys.executable)"]
    finished = run(argv, cwd=home, env=runners.environment(runner, home), timeout=120, check=True)
    return finished.stdout.strip().splitlines()[-1]


def places(home: Path, runner: tuple[str, ...] | None) -> tuple[str, ...]:
    """Directories where packages of the service's environment are installed; none where they are not found.

    Raises:
        Failed: the runner does not start.
    """
    if not runner:
        return tuple(sorted({entry for entry in sys.path if Path(entry).name in _INSTALLED}))
    prefix = Path(interpreter(home, runner)).parent.parent
    return tuple(sorted(str(path) for path in prefix.glob("lib/python*/*-packages") if path.name in _INSTALLED))


def editables(place: str) -> Iterator[Path]:
    """Folders whose code an installation points at, without aegisdb's own."""
    for file in sorted(Path(place).glob("*.dist-info/direct_url.json")):
        told = json.loads(file.read_text("utf-8"))
        if told.get("dir_info", {}).get("editable"):
            folder = Path(unquote(urlsplit(told["url"]).path))
            if folder != Path(__file__).parent.parent:
                yield folder


def is_installed(path: Path) -> bool:
    """Whether a file was put there by pip and the like: the next installation replaces what anybody changes in it."""
    return not _INSTALLED.isdisjoint(path.parts)


def how_to_fix(path: Path, otherwise: str) -> str:
    """What to do about a file: `otherwise`, unless it is an installed package's."""
    if is_installed(path):
        return "the file is an installed package's: another version of the package, or its authors, fix it"
    return otherwise
