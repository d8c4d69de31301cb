"""What the shape of services.yaml cannot say: names, paths, order and owners that fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.registry.paths import path_problems
from aegisdb.registry.relations import relation_problems
from aegisdb.registry.spelling import spelling_problems

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb.registry.problems import Problem


def meaning_problems(plain: Any, root: Path) -> list[Problem]:
    """Every fault of meaning; `root` is the directory that all paths are relative to."""
    return [*spelling_problems(plain), *relation_problems(plain), *path_problems(plain, root)]
