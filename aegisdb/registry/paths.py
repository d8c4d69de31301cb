"""Files and directories that services.yaml names: relative, below it, and there."""

from __future__ import annotations

import os
import re
import stat
from functools import cache
from typing import TYPE_CHECKING, Any

from aegisdb.registry.kinds import SEEDS, TARGETS
from aegisdb.registry.lookup import elements, is_text, items, texts
from aegisdb.registry.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from aegisdb.registry.document import Key

_CALLABLE = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"


class Tree:
    """The directory of the registry; everything named must stay below it, symbolic links followed."""

    def __init__(self, root: Path) -> None:
        self._real = os.path.realpath(root)
        self._modes: dict[str, int] = {}
        self._plain: set[tuple[str, ...]] = {()}
        """Places to which no symbolic link leads; services share those above theirs."""

    def problems(self, key: Key, base: str, text: str, kind: str) -> Sequence[Problem]:
        """What is wrong with the path `text`, relative to `base`; `kind` is "file", "directory" or "" for unchecked."""
        parts = _parts(text)
        if not text or "\0" in text or "\n" in text:
            return (Problem(key, "not a path"),)
        if text[0] == "/" or ".." in parts:
            hint = "write it relative to " + (f"{base}, the service's path" if base else "services.yaml")
            return (Problem(key, "the path is absolute or leaves the tree with `..`", hint),)
        mode = self._inside(_parts(base) + parts)
        if mode is None:
            return (Problem(key, f"{text} is a symbolic link out of the tree", "keep the files below services.yaml"),)
        if (kind == "file" and not stat.S_ISREG(mode)) or (kind == "directory" and not stat.S_ISDIR(mode)):
            return (Problem(key, f"no {kind} {text}", "create it, or correct the path"),)
        return ()

    def has(self, *parts: str) -> bool:
        """Whether there is such a file."""
        return stat.S_ISREG(self._inside(_parts("/".join(parts))) or 0)

    def _inside(self, parts: tuple[str, ...]) -> int | None:
        """The mode of what is there, 0 for nothing, None when a symbolic link leaves the tree."""
        mode = stat.S_IFDIR
        for count in range(len(parts) if parts[:-1] in self._plain else 1, len(parts) + 1):
            mode = self._mode("/".join((self._real, *parts[:count])))
            if stat.S_ISLNK(mode):
                real = os.path.realpath("/".join((self._real, *parts)))
                inside = real == self._real or real.startswith(self._real.rstrip("/") + "/")
                return self._mode(real) if inside else None
            self._plain.add(parts[:count])
        return mode

    def _mode(self, place: str) -> int:
        if place not in self._modes:
            try:
                self._modes[place] = os.lstat(place).st_mode
            except OSError:
                self._modes[place] = 0
        return self._modes[place]


@cache
def _parts(path: str) -> tuple[str, ...]:
    """As those of a relative PurePosixPath, of which a registry would make thousands."""
    return tuple(part for part in path.split("/") if part not in {"", "."})


def path_problems(plain: Any, root: Path) -> Iterator[Problem]:
    """Every path that is absolute, leaves the tree, or names nothing."""
    tree = Tree(root)
    for key, _name, target in items(plain, "targets"):
        kind = TARGETS.of(target)
        for place, text in (one for name in (kind.PATHS if kind else ()) for one in texts(target, name)):
            # told when the target is used: a registry may name a compose file that only some checkouts have
            yield from tree.problems((*key, *place), "", text, "")
    for key, _name, fleet in items(plain, "fleets"):
        for place, text in texts(fleet, "members", "file"):
            yield from tree.problems((*key, *place), "", text, "")  # told when the fleet is used: a file may be made
    for key, text in texts(plain, "database", "init"):
        yield from tree.problems(key, "", text, "file")
    for key, text in texts(plain, "database", "deploy"):
        yield from tree.problems(key, "", text, "directory")
    for key, _name, service in items(plain, "services"):
        yield from _service(tree, key, service)


def _service(tree: Tree, key: Key, service: dict[str, Any]) -> Iterator[Problem]:
    path = service.get("path")
    if not is_text(path):
        return
    wrong = tree.problems((*key, "path"), "", path, "directory")
    yield from wrong
    if not wrong:
        yield from _inside(tree, key, path, service)
        for place, text in texts(service, "objects") if "objects" in service else ():
            yield from tree.problems((*key, *place), path, text, "directory")


def _told_elsewhere(tree: Tree, path: str, config: str, alembic: dict[str, Any]) -> bool:
    """Whether a missing alembic.ini is no fault: [tool.alembic] of pyproject.toml or the registry may do its work."""
    return config == "alembic.ini" and (bool(alembic.get("script_location")) or tree.has(path, "pyproject.toml"))


def _of_alembic(tree: Tree, key: Key, path: str, alembic: dict[str, Any]) -> Iterator[Problem]:
    for place, text in texts(alembic, "config") if "config" in alembic else ((("config",), "alembic.ini"),):
        wrong = tree.problems((*key, *place), path, text, "file")
        if wrong and _told_elsewhere(tree, path, text, alembic):
            wrong = tree.problems((*key, *place), path, text, "")
        yield from wrong
    for name in ("script_location", "version_locations"):
        for place, text in texts(alembic, name) if name in alembic else ():
            if ":" not in text:
                yield from tree.problems((*key, *place), path, text, "directory")


def _inside(tree: Tree, key: Key, path: str, service: dict[str, Any]) -> Iterator[Problem]:
    alembic = service.get("alembic")
    if isinstance(alembic, dict):
        yield from _of_alembic(tree, (*key, "alembic"), path, alembic)
    for place, text in texts(service, "base") if "base" in service else ():
        if not (place == ("base",) and re.fullmatch(_CALLABLE, text)):
            yield from tree.problems((*key, *place), "", text, "file")
    for place, seed in elements(service, "seeds"):
        kind_of_seed = SEEDS.of(seed)
        for field in kind_of_seed.PATHS if kind_of_seed else ():
            for inner, text in texts(seed, field):
                yield from tree.problems((*key, *place, *inner), path, text, "file")
