"""Tables that the revisions of a history create, as far as their texts tell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def created(files: Iterable[str]) -> list[str]:
    """Tables that they create and keep."""
    from aegisdb import python_source
    from aegisdb.lint.steps import steps

    acts = [
        act
        for file in files
        for step in steps(python_source.parse(Path(file).read_bytes()), "upgrade")
        for act in step.acts
        if act.kind == "table" and not act.temporary
    ]
    gone = {act.name for act in acts if act.verb == "drop"}
    return sorted({act.name for act in acts if act.verb == "create" and act.name} - gone)
