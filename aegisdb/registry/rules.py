"""What the shape of services.yaml cannot say: names, paths, order and owners that fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.registry.cross_references import relation_problems
from aegisdb.registry.paths import path_problems
from aegisdb.registry.spelling import spelling_problems

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb.registry.draft import Draft
    from aegisdb.registry.problems import Problem


def meaning_problems(plain: Any, root: Path, *, judged: Draft | None = None) -> list[Problem]:
    """Every fault of meaning; `root` is the directory that all paths are relative to.

    With `judged`, a draft that had no fault before, only what may have changed since is looked at: files, and the
    parts of the file that have variables in them.
    """
    part = plain
    if judged is not None:
        changing = {key[0] for key in judged.marks} | {"targets"}
        part = plain if "services" in changing else {key: plain[key] for key in plain if key in changing}
    return [*spelling_problems(part), *relation_problems(part), *path_problems(plain, root)]
