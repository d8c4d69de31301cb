"""`# aegisdb: ignore[rule] reason`: on a line for what that line does, in the head of a file for all of it."""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARK = "aegisdb:"
_IGNORE = re.compile(r"#\s*aegisdb:\s*ignore\s*(?:\[(?P<rules>[^\]]*)\])?(?P<reason>.*)", re.IGNORECASE)


@dataclass(frozen=True)
class Ignore:
    """A comment that ignores rules."""

    line: int
    rules: tuple[str, ...]
    reason: str
    head: bool
    """Whether it stands alone above the file's first function, so it is for the whole file."""

    def covers(self, rule: str, first: int, last: int) -> bool:
        """Whether it speaks of this rule at these lines; alone on a line, it speaks of the next one too."""
        return rule in self.rules and (self.head or first - 1 <= self.line <= last)


def ignores(source: str) -> tuple[Ignore, ...]:
    """Every such comment of a file; text in strings does not count."""
    if _MARK not in source.lower():
        return ()
    return tuple(_found(source))


def _found(source: str) -> Iterator[Ignore]:
    head = True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME and token.string in {"def", "class"} and token.start[1] == 0:
            head = False
        match = _IGNORE.match(token.string) if token.type == tokenize.COMMENT else None
        if match:
            rules = tuple(name.strip() for name in (match["rules"] or "").split(",") if name.strip())
            alone = token.line[: token.start[1]].strip() == ""
            yield Ignore(token.start[0], rules, match["reason"].strip(" :-"), head and alone)
