"""The parsed registry under `.aegisdb/cache/`, so that most commands need neither ruamel nor pydantic.

Only the file's own text is kept, `${VAR}` unfilled; a file that holds a password itself is not kept at all.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from aegisdb.file_cache import STATE, Kind
from aegisdb.git_head import in_main_worktree
from aegisdb.registry.draft import Draft

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aegisdb.file_cache import KeptFile

_FILE = Kind("cache/registry.json")
_VARIABLE = r"\$\{[^}]*\}"
_LITERAL = r"://[^/?#]*:[^/?#@]+@|[?&]password=[^&]"


def draft_of(path: Path, content: bytes) -> Draft:
    """The draft of this content, from the cache where it is there.

    Raises:
        RegistryError: the content cannot be read.
    """
    draft = _read(_kept(path, content)) or _of_main_worktree(path, content)
    if draft is None:
        from aegisdb.registry.parser import parse

        draft = parse(path, content)
    return draft


def keep(path: Path, content: bytes, draft: Draft) -> None:
    """Put a draft without any fault into the cache."""
    if not draft.judged and not any(_passwords(draft.plain)):
        _write(_kept(path, content), draft)


def _of_main_worktree(path: Path, content: bytes) -> Draft | None:
    """What the main worktree has kept of the same content; a new worktree has kept nothing yet."""
    main = in_main_worktree(path)
    return _read(_kept(main, content)) if main else None


def _kept(path: Path, content: bytes) -> KeptFile:
    return _FILE.file(path.parent / STATE, key=hashlib.sha256(content).hexdigest())


def _read(kept: KeptFile) -> Draft | None:
    known = kept.read_json()
    if known is None:
        return None
    return Draft(known["plain"], {tuple(where): (line, column) for where, line, column in known["marks"]}, judged=True)


def _write(kept: KeptFile, draft: Draft) -> None:
    kept.keep_json({"plain": draft.plain, "marks": [(where, *mark) for where, mark in draft.marks.items()]})


def _passwords(plain: dict[str, Any]) -> Iterator[str]:
    """Texts in which a password is written out, outside of any `${VAR:-default}`."""
    yield re.sub(_VARIABLE, "", plain["database"].get("password", ""))
    for target in plain["targets"].values():
        yield from _in_urls(target)
    for fleet in plain.get("fleets", {}).values():
        yield from _in_urls(fleet)
    for service in plain.get("services", {}).values():
        for seed in service.get("seeds", ()):
            yield from _in_urls(seed)


def _in_urls(entry: dict[str, Any]) -> Iterator[str]:
    for text in entry.values():
        if isinstance(text, str):
            yield "".join(re.findall(_LITERAL, re.sub(_VARIABLE, "", text)))
