"""Histories as they were read last, in one file: nothing of a history is decoded before it is asked for.

A service is four lines of it: heads, what its revision files were, all revisions together, each of them.
"""

from __future__ import annotations

import json
import os
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from zlib import compress, decompress

from aegisdb.files import is_directory
from aegisdb.revisions.parse import Revision
from aegisdb.revisions.summary import Summary

if TYPE_CHECKING:
    from collections.abc import ItemsView, Iterable, Iterator, KeysView, Sequence, ValuesView

    from aegisdb.file_cache import KeptFile

_LINES = 4  # of a service
_QUICKLY = 1  # zlib's level
_SETTLED = 2 * 10**9  # nanoseconds: a file changed later than this may change again within its timestamp's resolution
_UNSETTLED, _UNREADABLE = "/", "?"  # neither equals an identity


class Block(NamedTuple):
    """The kept revisions of a service."""

    heads: bytes
    """How many revisions there are and which are heads, as JSON; null where they are in no order yet."""
    listing: bytes
    together: bytes
    body: bytes
    """As `body_of` gives it."""


class Listing:
    """The revision files of one service, as they are on disk now."""

    def __init__(self, directories: Iterable[str], *, recursive: bool, block: Block | None = None) -> None:
        self._settled = time.time_ns() - _SETTLED
        self._now: list[str] = []
        self._unsettled: set[int] = set()
        self.paths: list[str] = []
        self.beside: dict[str, list[str]] = {}
        """Directory that was looked into, to the names there that are no revision files."""
        for directory in directories:
            self._look(directory, recursive)
        self.read = _read_of(block) if block is not None else []
        """What else some ids rest on, as it is kept: imported files and folders of them."""

    def _look(self, directory: str, recursive: bool) -> None:  # noqa: FBT001  once for each directory
        now, paths, settled, stat = self._now.append, self.paths.append, self._settled, os.stat
        beside = self.beside.setdefault(directory, [])
        inside = directory if directory.endswith("/") else f"{directory}/"
        for name in sorted(os.listdir(directory)):  # noqa: PTH208  a quarter less than scandir, sorted by name
            path = inside + name
            # Alembic's rule for what is a revision file
            if name.endswith(".py") and not name.startswith((".#", "__init__")):
                try:
                    s = stat(path)
                except OSError:
                    self._unsettled.add(len(self.paths))
                    now(_UNREADABLE)
                else:
                    if s.st_mtime_ns >= settled:
                        self._unsettled.add(len(self.paths))
                    now(f"{s.st_mtime_ns} {s.st_size} {s.st_ino} {s.st_ctime_ns}")
                paths(path)
                continue
            beside.append(path)
            if recursive and name != "__pycache__" and is_directory(path):
                self._look(path, recursive)

    @cached_property
    def now(self) -> bytes:
        """What changes whenever any of the files does: paths and what each of them is, then the same of `read`."""
        return _encoded(self.paths, self._now, self.read, [_identity(path, None) for path in self.read])

    def kept(self, known: int) -> bytes:
        """Identify the first `known` files, with no identity for one that may change without a trace."""
        kept = [_UNSETTLED if place in self._unsettled else now for place, now in enumerate(self._now[:known])]
        return _encoded(self.paths[:known], kept, self.read, [_identity(path, self._settled) for path in self.read])

    def same(self, block: Block) -> dict[str, Any]:
        """What is kept, by path, of those files that are still the same; nothing where an import has changed."""
        paths, identities, read, before_read = _parts(block)
        if [_identity(path, None) for path in read] != before_read:
            return {}
        facts = _facts(block.body)
        before = {paths[fact[0]]: (identities[fact[0]], fact) for fact in facts}
        pairs = ((path, now, before.get(path)) for path, now in zip(self.paths, self._now, strict=True))
        return {path: known[1] for path, now, known in pairs if known is not None and known[0] == now}


class KeptRevisions(Mapping[str, Revision]):
    """The revisions of an unchanged history, by id, parents before children."""

    def __init__(self, block: Block, paths: Sequence[str], count: int) -> None:
        self._body = block.body
        self._paths = paths
        self._count = count

    @cached_property
    def _all(self) -> dict[str, Revision]:
        return {fact[1]: revived(fact, self._paths[fact[0]]) for fact in _facts(self._body)}

    def __getitem__(self, identifier: str) -> Revision:
        return self._all[identifier]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return self._count

    # those of Mapping look each one up again
    def __contains__(self, identifier: object) -> bool:
        return identifier in self._all

    def keys(self) -> KeysView[str]:
        """Return the ids of all revisions."""
        return self._all.keys()

    def values(self) -> ValuesView[Revision]:
        """Return all revisions."""
        return self._all.values()

    def items(self) -> ItemsView[str, Revision]:
        """The revisions by their ids, decoded."""
        return self._all.items()


class KeptSummary:
    """The kept summary of an unchanged history."""

    def __init__(self, block: Block) -> None:
        self._together = block.together

    @property
    def phases(self) -> Mapping[str, str]:
        """The phases in it, which stand last and which most histories have none of: then nothing is decoded."""
        return {} if self._together.endswith(b" {}]") else self.summary.phases

    @cached_property
    def summary(self) -> Summary:
        """The summary of all revisions, as it is kept."""
        digest, references, imports, requires, contents, phases = json.loads(self._together)
        return Summary(digest, references, tuple(imports), requires, contents, phases)


class KeptHistories:
    """The file."""

    def __init__(self, kept: KeptFile) -> None:
        self._kept = kept
        self._blocks: dict[str, Block] = {}
        self._changed = False

    def __enter__(self) -> Self:
        content = self._kept.read()
        if content is not None:
            lines = content.split(b"\n")
            groups = zip(*(lines[start::_LINES] for start in range(_LINES)), strict=False)
            # the service's name stands before its heads
            for head, *others in groups:
                name, _, heads = head.partition(b" ")
                self._blocks[name.decode()] = Block(heads, *others)
        return self

    def get(self, service: str) -> Block | None:
        """The kept block of a service."""
        return self._blocks.get(service)

    def put(self, service: str, block: Block) -> None:
        """Keep a service from now on, unless that is what is kept already."""
        if block != self._blocks.get(service) and b"\n" not in block.listing:
            self._blocks[service] = block
            self._changed = True

    def __exit__(self, *_: object) -> None:
        if self._changed:
            lines = [f"{name} ".encode() + b"\n".join(block) for name, block in self._blocks.items()]
            self._kept.keep(b"\n".join(lines))


def body_of(facts: Sequence[list[Any]]) -> bytes:
    """The facts of all revisions on one line, in less than half of their room: most commands only carry them."""
    return b64encode(compress(json.dumps(facts).encode(), _QUICKLY))


def _facts(body: bytes) -> list[list[Any]]:
    found: list[list[Any]] = json.loads(decompress(b64decode(body)))
    return found


def facts_of(revision: Revision, place: int) -> list[Any]:
    """A revision as plain data; `place` is that of its file in the listing."""
    r = revision
    return [
        place,
        r.id,
        r.down,
        r.depends_on,
        r.labels,
        r.message,
        r.line,
        r.one_way,
        r.digest,
        r.references,
        r.imports,
        r.requires,
        r.phase,
    ]


def revived(facts: list[Any], path: str) -> Revision:
    """The revision of `facts_of`."""
    _, identifier, down, depends_on, labels, message, line, one_way, digest, references, imports, requires, phase = (
        facts
    )
    revision = object.__new__(Revision)
    # as unpickling does: a frozen dataclass sets each field by a call, half of the time for tens of thousands
    vars(revision).update(
        id=identifier,
        down=tuple(down),
        depends_on=tuple(depends_on),
        labels=tuple(labels),
        message=message,
        file=path,
        line=line,
        one_way=one_way,
        digest=digest,
        references=tuple(references),
        imports=tuple(imports),
        requires=tuple(requires),
        phase=phase,
    )
    return revision


def _identity(path: str, settled: int | None) -> str:
    try:
        s = os.stat(path)  # noqa: PTH116  hundreds of them
    except OSError:
        return _UNREADABLE
    if settled is not None and s.st_mtime_ns >= settled:
        return _UNSETTLED
    return f"{s.st_mtime_ns} {s.st_size} {s.st_ino} {s.st_ctime_ns}"


def _encoded(*parts: Sequence[str]) -> bytes:
    # no name holds NUL, and no list an empty text
    return "\0\0".join("\0".join(part) for part in parts).encode("utf-8", "surrogateescape")


def _read_of(block: Block) -> list[str]:
    """The third of the parts, without the others, which are long: every command that looks at histories asks."""
    part = block.listing.rsplit(b"\0\0", 2)[1].decode("utf-8", "surrogateescape")
    return part.split("\0") if part else []


def _parts(block: Block) -> list[list[str]]:
    parts = block.listing.decode("utf-8", "surrogateescape").split("\0\0")
    return [part.split("\0") if part else [] for part in parts]
