"""How to reach a service's own environment: `runner` of services.yaml as arguments, an environment, and advice.

A runner is a command that runs another one in that environment (`[poetry, run]`, `[uv, run]`), or the environment's own
interpreter (`[.venv/bin/python]`, relative to the service). Without one the service lives in this environment.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.processes import child_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

Runner = tuple[str, ...] | None

_INTERPRETER = re.compile(r"(python|pypy)[0-9.]*(\.exe)?")
_ACTIVATED = ("VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "POETRY_ACTIVE", "__PYVENV_LAUNCHER__")
"""Variables of the environment that is activated HERE; Poetry would take it for the service's own."""
_INSTALL = {"poetry": "poetry install", "uv": "uv sync", "pdm": "pdm install", "pipenv": "pipenv install"}


def is_interpreter(runner: Runner) -> bool:
    """Whether the runner is a Python itself, so that nothing is put between it and its arguments."""
    return bool(runner) and _INTERPRETER.fullmatch(Path((runner or ("",))[-1]).name) is not None


def python(runner: Runner, home: Path) -> list[str]:
    """The words that start the service's Python in its folder `home`."""
    if not runner:
        return [sys.executable]
    words = [_program(runner[0], home), *runner[1:]]
    return words if is_interpreter(runner) else [*words, "python"]


def program(runner: Runner, home: Path, argv: list[str]) -> list[str]:
    """The words that run `argv` in the service's environment; `environment` finds the programs of an interpreter."""
    return [*argv] if not runner or is_interpreter(runner) else [_program(runner[0], home), *runner[1:], *argv]


def environment(runner: Runner, home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables for a child of the service: scrubbed, and without what is activated here when it has a runner."""
    variables = child_environment()
    interpreter = Path(python(runner, home)[0]) if not runner or is_interpreter(runner) else None
    if runner:
        variables = {name: value for name, value in variables.items() if name not in _ACTIVATED}
    if interpreter is not None and interpreter.is_absolute():
        # programs of the environment (uvicorn) are found although nobody activated it
        variables["PATH"] = os.pathsep.join([str(interpreter.parent), variables.get("PATH", os.defpath)])
    return variables | dict(extra or {})


def how_to_install(runner: Runner, home: Path) -> str:
    """Advice for an environment that is missing or lacks something."""
    if not runner:
        return "install it into this environment, or name the service's own with `runner:` in services.yaml"
    command = _INSTALL.get(Path(runner[0]).name)
    if command is None or is_interpreter(runner):
        return f"install the service's requirements into the environment of `{' '.join(runner)}`"
    return f"cd {home} && {command}"


def how_to_start(runner: Runner) -> str:
    """Advice for a runner that does not start."""
    return f"install {runner[0]}, or correct `runner` in services.yaml" if runner else ""


def _program(word: str, home: Path) -> str:
    # a name is looked up on PATH; a path is the service's, wherever the command was typed
    return str(home / word) if "/" in word else word
