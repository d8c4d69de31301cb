"""Which code runs against a target: what `deployed:` says, a git ref or a command that prints some."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.errors import Failed
from aegisdb.plain_text import one_line
from aegisdb.processes import run

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

_PATIENCE = 60.0
"""Seconds that the command may take: it asks a cluster, or the services themselves."""


@dataclass(frozen=True)
class Deployed:
    """Code that runs now."""

    ref: str
    services: frozenset[str]
    """The services that run at this ref."""


def deployed(said: str | tuple[str, ...], root: Path, services: Collection[str]) -> tuple[Deployed, ...]:
    """Every ref that runs, once, with its services; `services` are those that must be known.

    Raises:
        Failed: the command cannot be run or fails, what it prints is not understood, or it leaves a service out.
    """
    if isinstance(said, str):
        if not said.strip():
            raise Failed("`deployed:` of the target is empty, so it names no code")
        return tuple(Deployed(ref, frozenset(services)) for ref in dict.fromkeys(said.split()))
    finished = run(said, cwd=root, timeout=_PATIENCE)
    if finished.returncode:
        last = one_line(finished.stderr.strip().rpartition("\n")[2])
        raise Failed(f"{_shown(said)} ended with {finished.returncode}{f': {last}' if last else ''}")
    return _read(said, finished.stdout.splitlines(), services)


def _read(command: tuple[str, ...], lines: Iterable[str], services: Collection[str]) -> tuple[Deployed, ...]:
    """Take `REF` for all services and `SERVICE REF` for one; several lines are several versions side by side."""
    found: dict[str, set[str]] = defaultdict(set)
    for words in filter(None, map(str.split, lines)):
        ref, named = words[-1], words[:-1]
        if len(named) > 1 or not set(named) <= set(services):
            raise Failed(
                f"{_shown(command)} printed {one_line(' '.join(words))!r}, which is neither a ref nor a service and its"
                " ref"
            )
        found[ref].update(named or services)
    _require_all(command, found, services)
    return tuple(Deployed(ref, frozenset(names)) for ref, names in found.items())


def _require_all(command: tuple[str, ...], found: Mapping[str, set[str]], services: Collection[str]) -> None:
    left = [name for name in services if not any(name in names for names in found.values())]
    if left:
        raise Failed(f"{_shown(command)} does not say which code of {', '.join(left)} runs")


def _shown(command: tuple[str, ...]) -> str:
    return f"`{one_line(' '.join(command))}`"
