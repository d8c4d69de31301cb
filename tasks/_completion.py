"""Tab completion of values, which Invoke leaves to file names: services, targets, formats."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError
from aegisdb.output import console

if TYPE_CHECKING:
    from collections.abc import Callable


def complete(line: str) -> bool:
    """Print what may follow on this command line; False when that is not a value that we know."""
    try:
        words = [word for word in shlex.split(line) if word != "="]
    except ValueError:
        return False
    flag = next((word for word in words[-2:] if word in _CANDIDATES), "")
    names = _CANDIDATES[flag]() if flag else []
    if not flag or words[-1] in names:  # a finished value: the shell does not say whether a space follows
        return False
    for name in names:
        console.out(name)
    return True


def _registry_names(kind: str) -> list[str]:
    from aegisdb.registry import find_registry, load

    try:
        file = load(find_registry(Path.cwd(), os.environ), os.environ).file
    except AegisError:
        return []  # somebody is still typing: an error would spoil the line
    return sorted(getattr(file, kind))


_CANDIDATES: dict[str, Callable[[], list[str]]] = {
    "--service": lambda: _registry_names("services"),
    "--target": lambda: _registry_names("targets"),
    "--format": lambda: ["text", "json"],
}
