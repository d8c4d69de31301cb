"""Another tree of the repository in the place of the one that the environment knows, where packages are editable.

Such a package is found by an entry of `sys.path`, or by a finder of setuptools that has directories by name.
"""

from __future__ import annotations

import sys
from pathlib import Path

_FINDER = "__editable__"


def take(there: str, instead: str) -> None:
    """Let imports from below `there` come from below `instead`, where that has the same directory or file."""
    sys.path[:] = [_moved(entry, there, instead) for entry in sys.path]
    for name, module in [*sys.modules.items()]:
        mapping = getattr(module, "MAPPING", None) if name.startswith(_FINDER) else None
        if isinstance(mapping, dict):
            mapping.update({package: _moved(str(path), there, instead) for package, path in mapping.items()})


def _moved(entry: str, there: str, instead: str) -> str:
    path = Path(entry)
    if not path.is_relative_to(there) or path.is_relative_to(instead):
        return entry
    other = Path(instead) / path.relative_to(there)
    return str(other) if other.exists() else entry
