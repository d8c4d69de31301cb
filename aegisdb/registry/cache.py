"""The parsed registry under `.aegisdb/cache/`, so that most commands need neither ruamel nor pydantic.

Only the file's own text is kept, `${VAR}` unfilled; a file that holds a password itself is not kept at all.
A cache that is missing, damaged, of another version or not writable costs time, nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aegisdb.registry.draft import Draft

if TYPE_CHECKING:
    from collections.abc import Iterator

_VARIABLE = r"\$\{[^}]*\}"
_LITERAL = r"://[^/?#]*:[^/?#@]+@|[?&]password=[^&]"


def draft_of(path: Path, content: bytes) -> Draft:
    """The draft of this content, from the cache where it is there.

    Raises:
        RegistryError: the content cannot be read.
    """
    draft = _read(_place(path), _key(content))
    if draft is None:
        from aegisdb.registry.parser import parse

        draft = parse(path, content)
    return draft


def keep(path: Path, content: bytes, draft: Draft) -> None:
    """Put a draft without any fault into the cache."""
    if not draft.judged and not any(_passwords(draft.plain)):
        _write(_place(path), _key(content), draft)


def _place(path: Path) -> Path:
    return path.parent / ".aegisdb" / "cache" / "registry.json"


def _key(content: bytes) -> str:
    """Changes with the file and with the code that judges it."""
    digest = hashlib.sha256(content)
    for entry in sorted(os.scandir(Path(__file__).parent), key=lambda entry: entry.name):
        if entry.name.endswith(".py"):
            stat = entry.stat()
            digest.update(f"{entry.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _read(place: Path, key: str) -> Draft | None:
    try:
        kept = json.loads(place.read_bytes())
        if kept["key"] != key:
            return None
        marks = {tuple(where): (line, column) for where, line, column in kept["marks"]}
        return Draft(kept["plain"], marks, judged=True)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(place: Path, key: str, draft: Draft) -> None:
    marks = [(where, *mark) for where, mark in draft.marks.items()]
    text = json.dumps({"key": key, "plain": draft.plain, "marks": marks})
    beside = place.with_name(f"{place.name}.{os.getpid()}")
    try:
        # the embedded server runs as another user and must pass through the first of these
        place.parent.parent.mkdir(mode=0o711, exist_ok=True)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        ignore = place.parent.parent / ".gitignore"
        if not ignore.exists():
            ignore.write_text("# local state of aegisdb\n*\n")
        beside.write_text(text)
        beside.replace(place)
    except OSError:
        return  # a read-only checkout


def _passwords(plain: dict[str, Any]) -> Iterator[str]:
    """Texts in which a password is written out, outside of any `${VAR:-default}`."""
    yield re.sub(_VARIABLE, "", plain["database"].get("password", ""))
    for target in plain["targets"].values():
        yield "".join(re.findall(_LITERAL, re.sub(_VARIABLE, "", target.get("url", ""))))
    for service in plain.get("services", {}).values():
        for seed in service.get("seeds", ()):
            for field in ("http", "serve", "ready"):
                text = seed.get(field) or ""
                yield "".join(re.findall(_LITERAL, re.sub(_VARIABLE, "", text)))
