"""What was found in files, kept between runs until a file changes."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path

    File = os.DirEntry[str] | Path

_SETTLED = 2.0  # seconds: a file changed later than this may change again within its timestamp's resolution


class Remembered:
    """A JSON file of facts about files; another `key` forgets all of them. A damaged one only costs time."""

    def __init__(self, path: Path, key: int | str) -> None:
        self._path = path
        self._key = key
        self._known: dict[str, Any] = {}
        self._changed = False

    def __enter__(self) -> Self:
        try:
            stored = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return self
        if isinstance(stored, dict) and stored.get("key") == self._key:
            self._known = stored["files"]
        return self

    def get(self, file: File) -> Any | None:
        """What was kept of a file that is still the same; None where it must be read."""
        known = self._known.get(os.fspath(file))
        return known[1] if known is not None and known[0] == identity(file) else None

    def put(self, file: File, facts: Any) -> None:
        """Keep what was found, plain data."""
        now = identity(file)
        if time.time() - now[0] / 1e9 > _SETTLED:
            self._known[os.fspath(file)] = [now, facts]
            self._changed = True

    def __exit__(self, *_: object) -> None:
        if not self._changed:
            return
        temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps({"key": self._key, "files": self._known}))
            temporary.replace(self._path)
        except OSError:
            return  # a read-only checkout works without a cache


def identity(file: File) -> list[int]:
    """What changes with a file's content; a directory entry tells what it was when it was first asked."""
    status = file.stat()
    # rsync and archives give a changed file an old time of change; nobody sets the last one
    return [status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns]
