"""What was found out once, in files below `.aegisdb/`: each is checked whole before a word of it is believed.

The first line of a file says what it is (kind and name, what it was made from, by which build of aegisdb) and has the
sha256 of the rest. A file that is missing, cut, damaged, unreadable, no file at all, another one's, or another build's
counts as missing; one that cannot be written costs time the next time. Neither changes an answer.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from aegisdb.files import read_regular, replace_file, status

if TYPE_CHECKING:
    from collections.abc import Callable

    File = os.DirEntry[str] | Path | str
    Buffer = bytes | memoryview

STATE = ".aegisdb"
"""The name of the directory of local state, beside services.yaml."""
_FORMAT = 1
_ANY_BUILD = "-"
_SETTLED = 2.0  # seconds: a file changed later than this may change again within its timestamp's resolution
_CODE = (".py", ".sql", ".json")


class Kind:
    """One kind of file; every one in the program is in `every`, by its place below `.aegisdb/`.

    `{name}` in the place: there is a file for each name. `outlasts` is the format of one that other builds may read,
    for what cannot be found out anew; whoever reads it checks its shape.
    """

    every: ClassVar[dict[str, Kind]] = {}

    def __init__(self, place: str, *, outlasts: int = 0) -> None:
        self.place = place
        self.outlasts = outlasts
        self.every[place] = self

    def file(self, state: Path, name: str = "", *, key: str = "") -> KeptFile:
        """Return the file of that name; `state` is `.aegisdb/`, and another `key` forgets what the file holds."""
        place = self.place.replace("{name}", name)
        build = f"{_ANY_BUILD}{self.outlasts}" if self.outlasts else build_of_aegisdb()
        return KeptFile(state, place, f"aegisdb {_FORMAT} {place} {key or '-'} {build} ")


class KeptFile:
    """A kept file, which may not be there."""

    def __init__(self, state: Path, place: str, head: str) -> None:
        self.path = state / place
        self._state = state
        self._head = head

    def read(self) -> bytes | None:
        """Return the content; None where it must be found out anew."""
        content = self.view()
        return None if content is None else bytes(content)

    def view(self) -> memoryview | None:
        """As `read`, without a copy of what may be megabytes."""
        try:
            found = read_regular(self.path)
        except OSError:
            return None
        if found is None:
            return None
        end = found.find(b"\n")
        content = memoryview(found)[end + 1 :]
        return content if end >= 0 and found[:end] == self._first(content) else None

    def write(self, *content: Buffer, own: Callable[[Path], object] | None = None) -> None:
        """Keep the content, which may come in parts, readable by this user alone; `own` gives it to another user.

        Raises:
            OSError: it cannot be kept.
        """
        make_state(self._state, own)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        whole = (self._first(*content), b"\n", *content)
        replace_file(self.path, whole, mode=0o600, through_link=False, own=own)

    def keep(self, *content: Buffer) -> None:
        """Keep the content where that can be done; a checkout that may only be read works too."""
        try:
            self.write(*content)
        except OSError:
            return

    def read_json(self) -> Any:
        """Return what `keep_json` has kept; None where it must be found out anew."""
        content = self.read()
        if content is None:
            return None
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            return None

    def keep_json(self, plain: Any) -> None:
        """Keep plain data, as `keep`."""
        self.keep(json.dumps(plain).encode())

    def _first(self, *content: Buffer) -> bytes:
        hashed = hashlib.sha256()
        for part in content:
            hashed.update(part)
        return self._head.encode("utf-8", "surrogateescape") + hashed.hexdigest().encode()


class Remembered:
    """Facts about files, as long as each of them is the same."""

    def __init__(self, kept: KeptFile, seen: dict[str, list[int]] | None = None) -> None:
        """`seen` is what each file was when this command first asked, where several caches ask about the same files."""
        self._kept = kept
        self._seen = {} if seen is None else seen
        self._known: dict[str, Any] = {}
        self.new: dict[str, Any] = {}
        """What was found since: the part of another process may be taken over with `take`."""

    def __enter__(self) -> Self:
        self._known = self._kept.read_json() or {}
        return self

    def get(self, file: File) -> Any | None:
        """What was kept of a file that is still the same; None where it must be read."""
        known = self._known.get(os.fspath(file))
        return known[1] if known is not None and known[0] == self._identity(file) else None

    def put(self, file: File, facts: Any) -> None:
        """Keep what was found, plain data."""
        now = self._identity(file)
        if time.time() - now[0] / 1e9 > _SETTLED:
            self.take({os.fspath(file): [now, facts]})

    def take(self, new: dict[str, Any]) -> None:
        """Keep what another one has found, its `new`."""
        self._known |= new
        self.new |= new

    def is_file(self, path: str) -> bool:
        """As `files.is_file`; what it is now counts for `get` and `put`.

        Raises:
            OSError: this user may not know.
        """
        found = status(path)
        if found is None or not stat.S_ISREG(found.st_mode):
            return False
        self._seen.setdefault(path, _identity(found))
        return True

    def _identity(self, file: File) -> list[int]:
        # from before it was read: one that changes meanwhile counts as changed the next time
        place = os.fspath(file)
        if place not in self._seen:
            self._seen[place] = identity(file)
        return self._seen[place]

    def __exit__(self, *_: object) -> None:
        if self.new:
            self._kept.keep_json(self._known)


def identity(file: File) -> list[int]:
    """What changes with a file's content; a directory entry tells what it was when it was first asked."""
    return _identity(os.stat(file) if isinstance(file, str) else file.stat())  # noqa: PTH116  thousands of them


def _identity(found: os.stat_result) -> list[int]:
    # rsync and archives give a changed file an old time of change; nobody sets the last one
    return [found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns]


def make_state(state: Path, own: Callable[[Path], object] | None = None) -> None:
    """Make `.aegisdb/`, which git ignores; `own` gives what is new in it to another user.

    Raises:
        OSError: it cannot be made.
    """
    user = os.geteuid()
    with suppress(FileExistsError):
        # the server that root starts runs as another user and must pass through
        state.mkdir(mode=0o700 if user else 0o711)
    found = state.lstat()
    if user and stat.S_ISDIR(found.st_mode) and found.st_uid == user and found.st_mode & 0o077:
        with suppress(OSError):
            state.chmod(0o700)  # an earlier build let others pass
    ignore = state / ".gitignore"
    if not ignore.exists():
        replace_file(ignore, "# local state of aegisdb\n*\n", own=own)


@cache
def build_of_aegisdb() -> str:
    """Name this build: it changes with any file of this package: what other code found out may mean something else."""
    files: list[str] = []
    _look(str(Path(__file__).parent), files)
    return hashlib.sha256("\n".join(sorted(files)).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _look(directory: str, files: list[str]) -> None:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(_CODE):
                status = entry.stat()
                files.append(f"{entry.path} {status.st_size} {status.st_mtime_ns}")
            elif "." not in entry.name and entry.name != "__pycache__" and entry.is_dir():
                _look(entry.path, files)
