"""Which checkouts share an embedded server, and what the database of each is called.

All worktrees of a git repository have one server, in the main worktree's `.aegisdb/`. The main worktree's database has
the name of services.yaml; a linked one's has the worktree's name behind it, so that no name, lock, marker or scratch
database of one is another's. Nothing asks git: who is a linked worktree is written in its `.git`.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from aegisdb.fast_dataclass import dataclass
from aegisdb.file_cache import STATE, Kind
from aegisdb.git_head import linked_worktree, main_of, top_of
from aegisdb.postgres.quoting import cut_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.file_cache import KeptFile
    from aegisdb.registry.types import Registry

Per = Literal["repository", "worktree", "user"]

_FILE = Kind("servers/{name}/checkouts.json", outlasts=1)
_INFIX = "__wt_"
_LONGEST = 39  # bytes, so that names of scratch databases hold all of it


@dataclass(frozen=True)
class Place:
    """Where the server of a checkout stands, and which of its databases are the checkout's own."""

    home: Path
    root: Path
    """An existing directory above it, whose owner owns what is made below."""
    base: str
    """The name of services.yaml."""
    database: str
    shared: bool
    """Whether other checkouts may have databases there."""
    common: Path | None = None
    """Git's common directory."""

    def is_others(self, name: str) -> bool:
        """Whether a database of that name is another checkout's."""
        linked = name.startswith(_start(self.base))
        if not self.shared or not (linked or name == self.base or name.startswith(f"{self.base}__")):
            return False
        if self.database == self.base:
            return linked
        return name != self.database and not name.startswith(f"{self.database}__")

    def record(self, checkout: Path) -> None:
        """Write down that this checkout's database is here; the caller holds the server's lock."""
        known = self._records()
        if self.shared and known.get(self.database) != str(checkout):
            self._kept().keep_json({**known, self.database: str(checkout)})

    def alive(self) -> Mapping[str, str]:
        """Databases of other checkouts that are there, with their directories."""
        return {name: path for name, path in self._others().items() if self._is_there(name, path)}

    def orphans(self) -> Mapping[str, str]:
        """Databases of checkouts that are gone, with the directories that they had."""
        return {name: path for name, path in self._others().items() if not self._is_there(name, path)}

    def forget(self, name: str) -> None:
        """Take a database that was dropped out of what is written down."""
        self._kept().keep_json({other: path for other, path in self._records().items() if other != name})

    def _others(self) -> dict[str, str]:
        return {name: path for name, path in self._records().items() if name != self.database} if self.shared else {}

    def _is_there(self, name: str, path: str) -> bool:
        if Path(path).is_dir():
            return True
        # a worktree that was moved is written down anew by its next command
        return any(_name(self.base, worktree.name) == name and top_of(worktree) for worktree in _worktrees(self.common))

    def _records(self) -> dict[str, str]:
        found = self._kept().read_json()
        return {str(name): str(path) for name, path in found.items()} if isinstance(found, dict) else {}

    def _kept(self) -> KeptFile:
        return _FILE.file(self.home.parents[1], self.home.name)


NO_OTHERS = Place(Path(), Path(), "", "", shared=False)
"""The checkouts of a server of which nothing is known but this one."""


def place_of(registry: Registry, target: str, per: Per) -> Place:
    """The place of a target's server; one that this checkout made for itself before stays its own."""
    name = registry.file.database.name
    # a target's name is a key of YAML: any text
    inside = Path("servers") / quote(target, safe="").replace(".", "%2E")
    own = Place(registry.state / inside, registry.root, name, name, shared=False)
    if per == "worktree" or (per == "user" and _has_data(own.home)):
        return own
    if per == "user":
        return _of_user(registry, inside)
    top = next((p for p in (registry.root, *registry.root.parents) if (p / ".git").exists()), None)
    if top is None:
        return own
    worktree = linked_worktree(top)
    if worktree is None:  # the main one, or git knows it no more
        return Place(own.home, own.root, name, name, (top / ".git").is_dir(), top / ".git")
    if _has_data(own.home):
        return own
    main = main_of(worktree)
    home = main / registry.root.relative_to(top) / STATE / inside
    return Place(home, main, name, _name(name, worktree.name), shared=True, common=worktree.parents[1])


def _of_user(registry: Registry, inside: Path) -> Place:
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    data.mkdir(parents=True, exist_ok=True)
    name, root = registry.file.database.name, registry.root.resolve()
    home = data / "aegisdb" / quote(registry.file.project, safe="") / inside
    return Place(home, data, name, _name(name, f"{root.name} {root}", root.name), shared=True)


def _name(base: str, identity: str, shown: str = "") -> str:
    """The name of a checkout's database; `shown` is what people know it by."""
    shown = shown or identity
    plain = re.sub(r"[^a-z0-9]+", "_", shown.lower()).strip("_")
    start = _start(base)
    whole = start + plain
    if plain == identity and len(whole.encode()) <= _LONGEST:
        return whole
    digest = hashlib.sha256(identity.encode(errors="surrogateescape")).hexdigest()[:6]
    return f"{start}{cut_name(plain, _LONGEST - len(start.encode()) - len(digest) - 1)}_{digest}"


def _start(base: str) -> str:
    """The beginning of the database names of linked worktrees."""
    return cut_name(base, 26) + _INFIX


def _worktrees(common: Path | None) -> list[Path]:
    try:
        return list((common / "worktrees").iterdir()) if common else []
    except OSError:
        return []


def _has_data(home: Path) -> bool:
    return any(home.glob("*/PG_VERSION"))
