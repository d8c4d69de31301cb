"""The released state: the database as the merge base builds and seeds it, by its own files out of git.

Its files are written below `.aegisdb/released/`, once a commit, and a template is built from them as from any other
checkout, so one whose files are the same is shared.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.building import template
from aegisdb.errors import AegisError, Interrupted, Unreachable
from aegisdb.file_cache import make_state
from aegisdb.lint.changed_files import check_out, commit_of, default_branch, merge_base, top_of
from aegisdb.package_lookup import interpreter
from aegisdb.registry import load
from aegisdb.revisions.load import good_histories
from aegisdb.revisions.locate import make_empty_folders
from aegisdb.revisions.sequence import by_foreign_keys, declared, joined

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.revisions.sequence import Step
    from aegisdb.workspace import Workspace

_PLACE = "released"
_KEPT = 86400.0  # seconds: a run of another branch may still read its own


@dataclass(frozen=True)
class Released:
    """A template of the released state, and which revisions are newer."""

    against: str
    """The commit, in words."""
    template: str
    new: frozenset[tuple[str, str]]
    """Service and revision."""
    ws: Workspace
    """The workspace with the registry of that commit."""
    histories: Mapping[str, History]
    """The histories of that commit."""
    top: Path
    """The top of the checkout, with today's files."""
    tree: Path
    """The directory with the files of that commit, in the same places."""


@dataclass(frozen=True)
class Missing:
    """Why there is no released state."""

    why: str
    broken: bool
    """Whether git has the commit, and it does not build; otherwise there is nothing that could be built."""


class _NotThere(Exception):
    """The reason why there is nothing to build, as its message."""


class _Broken(Exception):
    """The reason why the state of a commit does not build, as its message."""


def released_state(
    ws: Workspace, histories: Mapping[str, History], *, against: str = "", without: Collection[Step] = ()
) -> Released | Missing:
    """The released state of these services, built where it is not there yet; or why there is none.

    With `against` it is that of this commit, branch or tag, instead of the merge base. It is built as if the revisions
    of `without`, and what needs them, were not written yet: a commit may have files that are not applied anywhere.

    Raises:
        UsageError: git does not know `against`.
    """
    try:
        return _released(ws, histories, against, without)
    except (_NotThere, _Broken) as error:
        return Missing(str(error), isinstance(error, _Broken))


def _released(ws: Workspace, histories: Mapping[str, History], ref: str, without: Collection[Step]) -> Released:
    top, commit, against = _commit(ws.registry.root, ref)
    try:
        tree = _files(ws.registry, top, commit)
        place = ws.registry.path.resolve().relative_to(top)
        registry = _registry(ws.registry, tree / place, against)
        there = good_histories(registry)
        _require_same(there, histories, against)
        if left_out := _left_out(registry, there, without, tree):
            tree = _files(ws.registry, top, commit, left_out)
            registry = _registry(ws.registry, tree / place, against)
            there = good_histories(registry)
        then = replace(ws, registry=registry)
        name = template(then, "seeds")
    except (Interrupted, Unreachable):
        raise
    except AegisError as error:
        raise _Broken(f"{against} cannot be built: {error.message.splitlines()[0]}") from None
    known = {(service, identifier) for service, history in there.items() for identifier in history.revisions}
    every = {(service, identifier) for service, history in histories.items() for identifier in history.revisions}
    return Released(against, name, frozenset(every - known), then, there, top.resolve(), tree)


def _commit(root: Path, ref: str) -> tuple[Path, str, str]:
    """The top of the checkout, the commit, and which one that is in words."""
    top = top_of(root)
    if top is not None and ref:
        commit = commit_of(root, ref)
        return top, commit, commit[:10] if commit.startswith(ref) else f"{ref} ({commit[:10]})"
    branch = default_branch(root)
    commit = merge_base(root, branch) if top and branch else ""
    if top is None or not commit:
        raise _NotThere("git knows no merge base with a default branch here")
    return top, commit, f"{branch} (merge base {commit[:10]})"


def _left_out(
    registry: Registry, there: Mapping[str, History], without: Collection[Step], tree: Path
) -> tuple[Path, ...]:
    """Files of these revisions and of all that need them, relative to the tree."""
    gone = {(service, one) for service, one in without if service in there and one in there[service].revisions}
    needs = joined(declared(registry, there), by_foreign_keys(registry, there)) if gone else {}
    more = gone
    while more:
        above = {(name, one) for name, h in there.items() for one in h.descendants([r for s, r in gone if s == name])}
        waiting = {step for step, others in needs.items() if not gone.isdisjoint(others)}
        more = (above | waiting) - gone
        gone = gone | more
    try:
        found = [there[s].revisions[r].path.resolve().relative_to(tree.resolve()) for s, r in gone]
    except ValueError as error:
        raise _Broken(f"a revision that is to be left out is no file of the repository: {error}") from None
    return tuple(sorted(found))


def _files(registry: Registry, top: Path, commit: str, without: Sequence[Path] = ()) -> Path:
    """The directory with the files of a commit."""
    place = registry.state / _PLACE
    some = hashlib.sha256("\0".join(map(str, without)).encode()).hexdigest()[:10]
    made = place / (f"{commit}-{some}" if without else commit)
    if made.is_dir():
        return made
    make_state(registry.state)
    place.mkdir(mode=0o700, exist_ok=True)
    for other in place.iterdir():
        if time.time() - other.stat().st_mtime > _KEPT:
            shutil.rmtree(other, ignore_errors=True)
    unfinished = Path(tempfile.mkdtemp(dir=place))
    try:
        check_out(top, commit, unfinished)
        for file in without:
            (unfinished / file).unlink()
        with suppress(OSError):  # somebody else has made it meanwhile
            unfinished.rename(made)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return made


def _registry(now: Registry, path: Path, against: str) -> Registry:
    """The registry of that commit, without services that are left out now, in the environments that are there now."""
    if not path.is_file():
        raise _NotThere(f"there is no {now.path.name} at {against}")
    dotenv = now.root / ".env"
    found = load(path, os.environ, dotenv)
    left_out = load(now.path, os.environ).services.keys() - now.services.keys()
    found = found.without(name for name in found.services if name in left_out)
    services = dict(found.services)
    for name, service in services.items():
        home = now.root / service.path
        if service.runner and home.is_dir():
            # `poetry run` in another folder would be another environment, with nothing in it
            services[name] = replace(service, runner=(interpreter(home, service.runner),))
    made = replace(found, file=replace(found.file, services=services))
    make_empty_folders(made)
    return made


def _require_same(there: Mapping[str, History], histories: Mapping[str, History], against: str) -> None:
    for service, history in histories.items():
        gone = there[service].revisions.keys() - history.revisions.keys() if service in there else ()
        if gone:
            raise _Broken(f"{service} has no {', '.join(sorted(gone))} any more, which {against} applies")
