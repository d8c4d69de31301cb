"""The parsed registry under `.aegisdb/cache/`, so that most commands need neither ruamel nor pydantic."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb.registry.draft import Draft


def draft_of(path: Path, content: bytes) -> Draft:
    """The draft of this content, from the cache where it is there."""
    from aegisdb.registry.parsing import parse

    return parse(path, content)
