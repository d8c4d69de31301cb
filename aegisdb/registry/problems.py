"""A fault that is known by its key; its line and column are looked up when it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.fast_dataclass import dataclass

if TYPE_CHECKING:
    from aegisdb.registry.document import Key


@dataclass(frozen=True)
class Problem:
    """What is wrong at `key`; `at_key` points at the key itself rather than at its value."""

    key: Key
    message: str
    hint: str = ""
    at_key: bool = False
