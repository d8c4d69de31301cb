"""What the shape of services.yaml cannot say: names, paths, order and owners that fit together.

The rules look at plain data, of which parts may be missing or of the wrong type; those faults are told elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb.registry.problems import Problem


def meaning_problems(plain: Any, root: Path) -> list[Problem]:
    """Every fault of meaning."""
    del plain, root
    return []
