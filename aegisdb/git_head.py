"""The branch that is checked out and the one before, read from git's files: starting git for it would take 10 ms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NOTED = "live-branch"
"""File in `.aegisdb/` for git's hook: the branch whose database is in place. It is gone while that changes."""
_MOVED = re.compile(r"\tcheckout: moving from (\S+) to \S+$")


def branch_of(root: Path) -> str:
    """The branch that is checked out, "HEAD" for none; empty outside of git."""
    for git in _directories(root):
        head = _text(git / "HEAD").strip()
        if head:
            return head.removeprefix("ref: refs/heads/") if head.startswith("ref: ") else "HEAD"
    return ""


def branch_before(root: Path) -> str:
    """The branch, or commit, that was checked out before the last switch; empty where git has noted none."""
    for git in _directories(root):
        for line in reversed(_text(git / "logs" / "HEAD").splitlines()):
            if moved := _MOVED.search(line):
                return moved[1]
    return ""


def _directories(root: Path) -> list[Path]:
    """Git's directory of the checkout that `root` is in."""
    for directory in (root, *root.parents):
        git = directory / ".git"
        if git.is_file():  # a worktree or a submodule: `gitdir: PATH`
            return [directory / _text(git).partition(" ")[2].strip()]
        if git.is_dir():
            return [git]
    return []


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
