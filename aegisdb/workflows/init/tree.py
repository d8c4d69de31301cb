"""What a registry can be made of: Alembic histories, compose files and `.env` of a tree; nothing of it is run."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from aegisdb.workflows.service.description import has_alembic_table, is_beside

_SKIPPED = frozenset(
    {"node_modules", "__pycache__", "site-packages", "venv", "env", "build", "dist", "target", "vendor"}
)
_COMPOSE = re.compile(r"(docker-)?compose([.-][\w.-]+)?\.ya?ml")
_DEEPEST = 8


@dataclass(frozen=True)
class Tree:
    """Files by role, all below `root`."""

    root: Path
    histories: tuple[Path, ...]
    """Directories that hold an alembic.ini, or a pyproject.toml with [tool.alembic]."""
    compose: tuple[Path, ...]
    """Compose files, the plainest name first."""
    env_file: Path | None
    """`.env` beside the registry, which services.yaml can take variables from."""


def look(root: Path) -> Tree:
    """Look through a tree, without hidden folders, environments, and what others installed."""
    histories, compose = [], []
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        deep = len(here.relative_to(root).parts) >= _DEEPEST
        folders[:] = [] if deep else sorted(name for name in folders if _worth_a_look(here / name))
        if "alembic.ini" in names and here != root and is_beside(here / "alembic.ini"):
            histories.append(here.parent)  # what the application is imported from
        elif "alembic.ini" in names or ("pyproject.toml" in names and has_alembic_table(here / "pyproject.toml")):
            histories.append(here)
        compose += [here / name for name in names if _COMPOSE.fullmatch(name)]
    compose.sort(key=lambda path: (len(path.parts), len(path.name), path.name))
    env_file = root / ".env"
    return Tree(root, tuple(histories), tuple(compose), env_file if env_file.is_file() else None)


def _worth_a_look(folder: Path) -> bool:
    hidden = folder.name.startswith(".") or folder.name in _SKIPPED
    return not hidden and not folder.is_symlink() and not (folder / "pyvenv.cfg").exists()
