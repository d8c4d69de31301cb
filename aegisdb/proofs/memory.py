"""What was proven before, in `.aegisdb/proven.json`: what it was, what it stood on, and when.

`what` is a hash of the thing that was proven. `ground` is one of all else that decides: where both are the same, the
proof would be the same. Who wants to know whether the code was ever proven asks without a ground.
"""

from __future__ import annotations

import hashlib
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aegisdb.file_cache import Kind, build_of_aegisdb
from aegisdb.runtime.step_results import Loaded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aegisdb.postgres.connection import Connection
    from aegisdb.registry.types import Registry

_FILE = Kind("proven.json", outlasts=2)
_LENGTH = 24  # hex digits
_PAIR = 2


class Proofs:
    """The file, read once, and again before it is written."""

    def __init__(self, registry: Registry) -> None:
        self._file = _FILE.file(registry.state)
        self._read()

    def _read(self) -> None:
        found = self._file.read_json()
        self._proven = {what: (row[0], row[1]) for what, row in _rows(found, "proven") if _texts(row)}
        self._loaded = {
            name: Loaded(files=tuple(row[0]), places=tuple(row[1]))
            for name, row in _rows(found, "loaded")
            if all(isinstance(part, list) and _texts(part) for part in row)
        }

    @property
    def empty(self) -> bool:
        """Whether nothing was ever proven here."""
        return not self._proven

    def has(self, what: str) -> bool:
        """Whether it was ever proven, on whatever ground."""
        return what in self._proven

    def made(self, what: str, ground: str) -> str:
        """When it was proven on this very ground, in UTC; empty where it was not."""
        known, made = self._proven.get(what, ("", ""))
        return made if ground and known == ground else ""

    def loaded(self, service: str) -> Loaded | None:
        """What the service's process had loaded in its last proof."""
        return self._loaded.get(service)

    def add(self, proven: Mapping[str, str], loaded: Mapping[str, Loaded] | None = None) -> None:
        """Remember these, by what they are the ground; one without a ground is not found on any.

        What another run adds in this moment may be lost, and is then proven once more.
        """
        self._read()  # others have added theirs since
        made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        new = {what: (ground, made) for what, ground in proven.items() if ground or what not in self._proven}
        if new:
            self._proven |= new
            self._loaded |= loaded or {}
            lists = {name: [one.files, one.places] for name, one in self._loaded.items()}
            self._file.keep_json({"proven": self._proven, "loaded": lists})


def _rows(found: Any, key: str) -> Iterable[tuple[str, list[Any]]]:
    """Pairs of this part of the document; another build may have written it otherwise."""
    part = found.get(key) if isinstance(found, dict) else None
    rows = part.items() if isinstance(part, dict) else ()
    return [(name, row) for name, row in rows if isinstance(row, list) and len(row) == _PAIR]


def _texts(row: list[Any]) -> bool:
    return all(isinstance(text, str) for text in row)


def ground(*parts: object) -> str:
    """Hash what a proof stands on, with the build of aegisdb and this Python, whose proofs may be others."""
    return what(build_of_aegisdb(), sys.version, *parts)


def what(*parts: object) -> str:
    """Hash what is proven."""
    text = repr(parts)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_LENGTH]


def server(conn: Connection) -> str:
    """What of a server decides about proofs besides its schema: version and platform, collation and encoding."""
    row = conn.rows(
        "SELECT version(), pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database"
        " WHERE datname = 'template0'"
    )
    return repr(row)
