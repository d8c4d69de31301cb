"""Which files are new or changed against the merge base with the default branch; asks git, nothing else."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from aegisdb.errors import Failed, TimedOut, UsageError
from aegisdb.processes import Finished, child_environment, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PATIENCE = 30.0  # seconds for one question to git
_CHECK_OUT = 300.0  # seconds: filters such as git-lfs may fetch something
_TARGET_BRANCHES = ("GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME")
"""What the two CI systems call the branch that a merge request wants to go to."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """The state of the files below some directories, by git."""

    against: str
    """The commit or branch of the comparison, in words."""
    base: str
    """The commit; empty where git has none to compare with."""
    added: frozenset[Path] = frozenset()
    """Not there at the base, untracked ones too."""
    before: Mapping[Path, bytes] = field(default_factory=dict)
    """Text at the base of files that have another one now, or are gone."""

    @property
    def paths(self) -> frozenset[Path]:
        """Files that are new or have another text."""
        return self.added | frozenset(self.before)


def changes(root: Path, directories: Iterable[Path], *, since: str = "") -> Changes:
    """Compare the files below some directories with the merge base of HEAD and `since`, or the default branch.

    Raises:
        UsageError: git does not know `since`.
    """
    # histories are read from resolved directories too, so paths can be compared as they are
    where = list(dict.fromkeys(path.resolve() for path in directories))
    top = _line(root, "rev-parse", "--show-toplevel")
    branch = _checked(root, since) if since else default_branch(root)
    base = (_line(root, "merge-base", "HEAD", branch) if since else merge_base(root, branch)) if branch else ""
    if since and not base:
        base = _line(root, "rev-parse", "--verify", "--quiet", f"{branch}^{{commit}}")
    if not top or not base or not where:
        return Changes(against="nothing: git knows no default branch here", base="")
    changed = _paths(Path(top), _git(root, "diff", "--no-renames", "--name-only", "-z", base, "--", *map(str, where)))
    untracked = _git(root, "ls-files", "--others", "--exclude-standard", "--full-name", "-z", "--", *map(str, where))
    found = {path for path in changed | _paths(Path(top), untracked) if path.suffix == ".py"}
    before = {path: text for path in sorted(found) if (text := text_at(root, base, path.relative_to(top))) is not None}
    added = frozenset(path for path in found if path not in before)
    return Changes(against=f"{branch} (merge base {base[:10]})", base=base, added=added, before=before)


def default_branch(root: Path) -> str:
    """The ref that changes are meant for: what CI names, the remote's own default, main or master; empty for none."""
    named = [f"origin/{os.environ[name]}" for name in _TARGET_BRANCHES if os.environ.get(name)]
    remote = _line(root, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
    for ref in [*named, remote, "origin/main", "origin/master", "main", "master"]:
        if ref and _line(root, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"):
            return ref
    return ""


def merge_base(root: Path, branch: str) -> str:
    """The commit that HEAD and a branch have in common; empty where there is none."""
    return _line(root, "merge-base", "HEAD", branch)


def commit_of(root: Path, ref: str) -> str:
    """The commit that a branch or tag names.

    Raises:
        UsageError: git does not know it.
    """
    return _line(root, "rev-parse", "--verify", "--quiet", f"{_checked(root, ref, '--against')}^{{commit}}")


def text_at(root: Path, commit: str, path: Path) -> bytes | None:
    """A file's text at a commit, its path relative to the top of the repository; None where it has none."""
    asked = _git(root, "show", f"{commit}:{path.as_posix()}")
    return asked.stdout.encode() if asked is not None and asked.returncode == 0 else None


def files_at(root: Path, commit: str, directories: Iterable[Path]) -> dict[Path, bytes]:
    """Every Python file below some directories at a commit, with its text."""
    top = _line(root, "rev-parse", "--show-toplevel")
    if not top or not commit:
        return {}
    where = [str(path.resolve()) for path in directories]
    listed = _paths(Path(top), _git(root, "ls-tree", "-r", "-z", "--name-only", "--full-tree", commit))
    inside = [path for path in listed if path.suffix == ".py" and any(path.is_relative_to(d) for d in where)]
    texts = ((path, text_at(root, commit, path.relative_to(top))) for path in sorted(inside))
    return {path: text for path, text in texts if text is not None}


def top_of(root: Path) -> Path | None:
    """The top directory of the checkout that `root` is in; None where there is none, or no git."""
    top = _line(root, "rev-parse", "--show-toplevel")
    return Path(top) if top else None


def check_out(top: Path, commit: str, directory: Path) -> None:
    """Write all files of a commit into an empty directory; the checkout and its index stay as they are.

    Raises:
        Failed: git cannot, or does not end.
    """
    # not `git archive`, which leaves out what is marked export-ignore; nor a worktree, which others would see
    with TemporaryDirectory() as own:
        env = child_environment({"GIT_INDEX_FILE": str(Path(own) / "index")})
        for words in (["read-tree", commit], ["checkout-index", "--all", f"--prefix={directory}/"]):
            run(["git", *words], cwd=top, env=env, timeout=_CHECK_OUT, check=True)


def _checked(root: Path, since: str, flag: str = "--since") -> str:
    if since.startswith("-") or not _line(root, "rev-parse", "--verify", "--quiet", f"{since}^{{commit}}"):
        raise UsageError(f"git knows no commit {since!r} here", hint=f"name a branch, a tag or a commit: {flag} main")
    return since


def _paths(top: Path, asked: Finished | None) -> set[Path]:
    if asked is None or asked.returncode:
        return set()
    return {top / name for name in asked.stdout.split("\0") if name}


def _line(root: Path, *words: str) -> str:
    asked = _git(root, *words)
    return asked.stdout.strip() if asked is not None and asked.returncode == 0 else ""


def _git(root: Path, *words: str) -> Finished | None:
    try:
        return run(["git", *words], cwd=root, timeout=_PATIENCE)
    except TimedOut:
        raise
    except Failed:
        return None  # no git on this machine
