"""Findings in a tenth of their room: tens of thousands wait for the end of a command, and are kept for the next one."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple, Self, overload
from zlib import compress, decompress

from aegisdb.lint.rule import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_QUICKLY = 1  # zlib's level: the others take several times as long, for little


class Packed(NamedTuple):
    """Findings about one service in their order."""

    service: str
    rules: Mapping[str, int]
    """Rule to how many findings it has, in the order in which they appear."""
    files: int
    """How many files they are about."""
    ignored: int
    """Findings that are left out."""
    rows: bytes

    @classmethod
    def of(cls, service: str, findings: Iterable[Finding], ignored: int) -> Self:
        """Pack findings of one service."""
        places: dict[str, int] = {}
        rows = [
            (places.setdefault(f.path, len(places)), f.rule, f.message, f.line, f.fix, f.last_line) for f in findings
        ]
        packed = compress(json.dumps([list(places), rows]).encode(), _QUICKLY)
        return cls(service, Counter(row[1] for row in rows), len(places), ignored, packed)

    def unpacked(self) -> Iterator[Finding]:
        """The findings again; of many, each text is there once."""
        paths, rows = json.loads(decompress(self.rows))
        for place, rule, message, line, fix, last_line in rows:
            yield Finding(
                rule=rule,
                message=message,
                path=paths[place],
                line=line,
                fix=fix,
                service=self.service,
                last_line=last_line,
            )

    def plain(self) -> list[Any]:
        """Itself as plain data, without the service's name."""
        return [self.rules, self.files, self.ignored, b64encode(self.rows).decode()]

    @classmethod
    def of_plain(cls, service: str, plain: Sequence[Any]) -> Self:
        """What `plain` has given."""
        rules, files, ignored, rows = plain
        return cls(service, rules, files, ignored, b64decode(rows))


class Findings(Sequence[Finding]):
    """Findings of many services, each unpacked when it is asked for; ordered by the services' names."""

    def __init__(self, parts: Iterable[Packed], *, shared: bool = False) -> None:
        """`shared`: some files belong to several services."""
        self._shared = shared
        self.parts = sorted((part for part in parts if part.rules), key=lambda part: part.service)
        self._ends = list(accumulate(sum(part.rules.values()) for part in self.parts))

    @property
    def rules(self) -> Counter[str]:
        """Rule to how many findings it has."""
        counted: Counter[str] = Counter()
        for part in self.parts:
            counted.update(part.rules)
        return counted

    @property
    def files(self) -> int:
        """How many files they are about."""
        if self._shared:
            return len({finding.path for finding in self})
        return sum(part.files for part in self.parts)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[Finding]:
        for part in self.parts:
            yield from part.unpacked()

    @overload
    def __getitem__(self, index: int) -> Finding: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Finding, ...]: ...

    def __getitem__(self, index: int | slice) -> Finding | tuple[Finding, ...]:
        if isinstance(index, slice):
            return tuple(self[place] for place in range(*index.indices(len(self))))
        place = range(len(self))[index]
        part = bisect_right(self._ends, place)
        return list(self.parts[part].unpacked())[place - (self._ends[part - 1] if part else 0)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"Findings({list(self)!r})"
