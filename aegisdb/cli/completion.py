"""Tab completion of values, which Invoke leaves to file names (services, targets, formats), and of task names."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.util import task_name_sort_key

from aegisdb.cli.task import AegisTask

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoke.collection import Collection


def complete(line: str, collection: Collection) -> bool:
    """Print what may follow on this command line; False when that is for Invoke to say."""
    words = words_of(line)
    names = collection.task_names
    named = [word for word in words if word in names]
    if named and not isinstance(collection[named[-1]], AegisTask):  # its flags are not ours
        return False
    if line.strip() and not words:  # inside of a quoted word, where Invoke would show a traceback
        return True
    flag = next((word for word in words[-2:] if word in _CANDIDATES), "")
    values = _CANDIDATES[flag]() if flag else []
    if flag and words[-1] not in values:  # after a finished value: the shell does not say whether a space follows
        from aegisdb.output import console

        for value in values:
            console.out(value)
        return True
    if words and not words[-1].startswith("-"):
        _print_tasks(names)
        return True
    return False


def words_of(line: str) -> list[str]:
    """The words of a command line; none where a quote is still open."""
    try:
        return [word for word in shlex.split(line) if word != "="]
    except ValueError:
        return []


def _print_tasks(tasks: dict[str, list[str]]) -> None:
    # as Invoke does, which collects all names again for each of them; nothing here is secret, so that the console,
    # which takes longer to load than this does, need not see it
    names = [each for name in sorted(tasks, key=task_name_sort_key) for each in (name, *tasks[name])]
    sys.stdout.write("".join(f"{name}\n" for name in names))


def _registry_names(kind: str) -> list[str]:
    from aegisdb.errors import AegisError
    from aegisdb.registry import find_registry, load

    try:
        file = load(find_registry(Path.cwd(), os.environ), os.environ).file
    except AegisError:
        return []  # somebody is still typing: an error would spoil the line
    return sorted(getattr(file, kind))


_CANDIDATES: dict[str, Callable[[], list[str]]] = {
    "--service": lambda: _registry_names("services"),
    "--target": lambda: _registry_names("targets"),
    "--fleet": lambda: _registry_names("fleets"),
    "--format": lambda: ["text", "json"],
}
