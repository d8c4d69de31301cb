"""Environments of their own for services: real Poetry, real uv, third-party packages; kept in pytest's cache directory.

Nothing is installed into the environment that runs the tests. Where packages cannot be had, tests skip and say why.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_INSTALLING = 900  # seconds


def tools(config: pytest.Config) -> Path:
    """A directory with `poetry` and `uv`, and nothing else, for PATH."""

    def make(home: Path) -> None:
        _run([sys.executable, "-m", "venv", str(home / "venv")])
        _run([str(home / "venv/bin/python"), "-m", "pip", "install", "-q", "uv>=0.5,<1"])
        _install(home / "venv/bin/uv", home / "venv/bin/python", "poetry>=2,<3")
        (home / "bin").mkdir()
        for name in ("poetry", "uv"):
            (home / "bin" / name).symlink_to(home / "venv" / "bin" / name)

    return _kept(config, "tools", make) / "bin"


def virtual_environment(config: pytest.Config, name: str, *requirements: str) -> Path:
    """The interpreter of an environment with these packages."""
    uv = tools(config) / "uv"

    def make(home: Path) -> None:
        _run([str(uv), "venv", "-q", "--python", sys.executable, str(home / "venv")])
        _install(uv, home / "venv/bin/python", *requirements)

    return _kept(config, name, make, *requirements) / "venv" / "bin" / "python"


def project_environment(config: pytest.Config, name: str, pyproject: str, *install: str) -> Path:
    """A directory with `pyproject.toml`, its lock file and `.venv`, made by the command `install`."""
    path = f"{tools(config)}{os.pathsep}{os.environ['PATH']}"

    def make(home: Path) -> None:
        (home / "pyproject.toml").write_text(pyproject + (_poetry_source() if install[0] == "poetry" else ""))
        _run([str(tools(config) / install[0]), *install[1:]], cwd=home, PATH=path)

    return _kept(config, name, make, pyproject, *install)


def node_program(config: pytest.Config, name: str, *packages: str) -> Path:
    """A program of these packages of npm."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: apt-get install nodejs npm")

    def make(home: Path) -> None:
        _run([npm, "install", "--no-audit", "--no-fund", "--prefix", str(home), *packages], cwd=home)

    return _kept(config, name, make, *packages) / "node_modules" / ".bin" / name


def lend(made: Path, service: Path) -> None:
    """Put the project files of a kept environment into a service's folder; the packages are not copied."""
    for file in made.iterdir():
        if file.name in {"pyproject.toml", "poetry.lock", "uv.lock"}:
            shutil.copy(file, service / file.name)
    (service / ".venv").symlink_to(made / ".venv")


def _kept(config: pytest.Config, name: str, make: Callable[[Path], None], *about: str) -> Path:
    digest = hashlib.sha256("\0".join((_PYTHON, sys.executable, *about)).encode()).hexdigest()[:10]
    home = Path(config.cache.mkdir("environments")) / f"{name}-{digest}"
    finished = home / "finished"
    with _alone(home.with_suffix(".lock")):
        if not finished.exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            make(home)
            finished.touch()
    return home


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    # several workers of pytest-xdist want the same one
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _install(uv: Path, python: Path, *requirements: str) -> None:
    _run([str(uv), "pip", "install", "-q", "--python", str(python), *requirements])


def _run(argv: list[str], *, cwd: Path | None = None, **variables: str) -> None:
    done = subprocess.run(
        argv,
        cwd=cwd,
        env={**_clean(), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_INSTALLING,
        check=False,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        pytest.skip(f"`{Path(argv[0]).name} {' '.join(argv[1:3])} ...` failed: {said[-1] if said else 'no output'}")


def _clean() -> dict[str, str]:
    foreign = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "CONDA_PREFIX", "UV_PROJECT_ENVIRONMENT")
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    own = {"UV_PYTHON_DOWNLOADS": "never", "POETRY_VIRTUALENVS_IN_PROJECT": "true", "POETRY_NO_INTERACTION": "1"}
    index = {"UV_DEFAULT_INDEX": _index()} if _index() else {}
    return {**kept, **index, **own, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


@cache
def _index() -> str:
    """The package index that pip is told to use here; empty for the usual one."""
    argv = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    told = subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
    return os.environ.get("PIP_INDEX_URL", told)


def _poetry_source() -> str:
    # by default Poetry speaks a JSON interface that mirrors often lack; a named source is read as pip reads it
    from pip._internal.models.index import PyPI

    return f'\n[[tool.poetry.source]]\nname = "as-pip"\nurl = "{_index() or PyPI.simple_url}"\npriority = "primary"\n'
