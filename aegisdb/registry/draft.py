"""services.yaml before interpolation, and where its faults are told."""

from __future__ import annotations

import os
from dataclasses import field
from typing import TYPE_CHECKING, Any

from aegisdb.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aegisdb.registry.document import Key, Mark, Node
    from aegisdb.registry.problems import Problem


@dataclass(frozen=True)
class Located:
    """A fault with its place."""

    mark: Mark
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Draft:
    """Plain data, still with `${VAR}` in it."""

    plain: Any
    marks: Mapping[Key, Mark]
    """Key of each text with a `$` to its place."""
    problems: tuple[Problem, ...] = ()
    """Unknown keys and wrong types."""
    located: tuple[Located, ...] = ()
    """Faults of the YAML itself that reading survives, such as duplicate keys."""
    judged: bool = False
    """Whether it had no fault of any kind when it was put into the cache."""
    tree: Node | None = field(default=None, repr=False)
    """The document, where it was parsed in this process."""


def place(path: Path, mark: Mark) -> str:
    """`services.yaml:12:5`, the file relative to the working directory."""
    try:
        shown = os.path.relpath(path)
    except (OSError, ValueError):  # the working directory is gone, or on another drive
        shown = str(path)
    return f"{shown}:{mark[0]}:{mark[1]}"
