"""A git repository around a monorepo, as a person has it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_WHO = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "A Person"), ("EMAIL", "person@example.org"))
}


def git(root: Path, *words: str) -> str:
    """Run git in the repository and return what it prints; no configuration of this machine counts."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "CI_", "GITHUB_"))}
    nothing = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(
        ["git", *words], cwd=root, env={**kept, **_WHO, **nothing}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(root: Path, message: str = "a change") -> str:
    """Commit everything below the root; the repository is made where there is none."""
    if not (root / ".git").exists():
        git(root, "init", "-q", "-b", "main")
        (root / ".gitignore").write_text(".aegisdb/\n__pycache__/\n")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message)
    return git(root, "rev-parse", "HEAD")
