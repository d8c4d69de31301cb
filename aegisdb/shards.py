"""A part of many things that are told by their names (`--shard I/N`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from zlib import crc32

from aegisdb.errors import UsageError
from aegisdb.fast_dataclass import dataclass

if TYPE_CHECKING:
    from typing import Self


@dataclass(frozen=True)
class Shard:
    """One of `of` parts. A thing's part is told by its name alone, so that it stays when others come and go."""

    number: int = 0
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read I/N; everything where nothing is given.

        Raises:
            UsageError: it is no shard.
        """
        if not text:
            return cls()
        found = re.fullmatch(r"([0-9]+)/([0-9]+)", text)
        if not found or int(found[1]) >= int(found[2]):
            hint = "I/N, I counted from 0: --shard 0/4 to --shard 3/4 are all of them"
            raise UsageError(f"--shard does not know {text!r}", hint=hint, code="shard")
        return cls(int(found[1]), int(found[2]))

    def has(self, name: str) -> bool:
        """Whether the thing of this name is in it."""
        return crc32(name.encode()) % self.of == self.number
