"""The branch that is checked out, the one before and the worktrees, read from git's files: git itself takes 10 ms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NOTED = "live-branch"
"""File in `.aegisdb/` for git's hook: the branch whose database is in place. It is gone while that changes."""
_POINTER = "gitdir: "
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


def in_main_worktree(path: Path) -> Path | None:
    """Find the path in the main worktree, where `path` is in a linked one; it need not exist."""
    top = next((directory for directory in path.parents if (directory / ".git").exists()), None)
    worktree = linked_worktree(top) if top else None
    return main_of(worktree) / path.relative_to(top) if top and worktree else None


def linked_worktree(top: Path) -> Path | None:
    """Git's directory of a linked worktree; None where this is none, or git does not know it at this place."""
    pointer = top / ".git"
    try:
        if pointer.is_dir():
            return None
        found = (top / pointer.read_text().removeprefix(_POINTER).strip()).resolve()
        return found if found.parent.name == "worktrees" and top_of(found) == top.resolve() else None
    except (OSError, ValueError):  # also of bytes that are no text, or no path
        return None


def top_of(worktree: Path) -> Path | None:
    """The top directory of the worktree with this directory of git's; None where it is gone."""
    try:
        pointer = worktree / (worktree / "gitdir").read_text().strip()
        return pointer.parent.resolve() if pointer.exists() else None
    except (OSError, ValueError):  # also of bytes that are no text, or no path
        return None


def main_of(worktree: Path) -> Path:
    """The top directory of the main worktree, or the bare repository, of a linked one with this directory of git's."""
    common = worktree.parents[1]
    return common.parent if common.name == ".git" else common


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
