"""Histories as they were read last, in one file: nothing of a history is decoded before it is asked for.

Its beginning says of each service which revisions are heads, what its files were, and how long what follows is: all
revisions together, then each of them.
"""

from __future__ import annotations

import hashlib
import json
import marshal
import os
import time
from collections.abc import Mapping
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from zlib import compress, decompress

from aegisdb.files import is_directory
from aegisdb.revisions.parse import Revision
from aegisdb.revisions.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Sequence, ValuesView

    from aegisdb.file_cache import Buffer, KeptFile

_QUICKLY = 1  # zlib's level
_WIDTH = 8  # digits of where the heads end
_SETTLED = 2 * 10**9  # nanoseconds: a file changed later than this may change again within its timestamp's resolution
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_WITHOUT_REFERENCES = 2  # marshal's version: later ones mark which objects are the same one
Identity = tuple[int, ...]
"""What changes with a file's content, the time of the change first; empty where it cannot be looked at."""
_identity_of: Callable[[os.stat_result], Identity] = attrgetter("st_mtime_ns", "st_size", "st_ino", "st_ctime_ns")


class Block(NamedTuple):
    """The kept revisions of a service."""

    heads: list[Any] | None
    """How many revisions there are, then which are heads; None where they are in no order yet."""
    listing: str
    """As `Listing.kept` gives it and the body."""
    phases: dict[str, str]
    """By id, for those that say `phase`."""
    together: Buffer
    """As `packed` gives it."""
    body: Buffer


class Listing:
    """The revision files of one service, as they are on disk now."""

    def __init__(self, directories: Iterable[str], *, recursive: bool, block: Block | None = None) -> None:
        self._settled = time.time_ns() - _SETTLED
        self._names: list[tuple[str, list[str]]] = []
        self._looks: list[bytes] = []
        """The identities of those, folder by folder: as bytes, since most commands only compare them."""
        self.beside: dict[str, list[str]] = {}
        """Directory that was looked into, to the names there that are no revision files."""
        for directory in directories:
            self._look(directory, recursive)
        self.read = _read_of(block) if block is not None else []
        """What else some ids rest on, as it is kept: imported files and folders of them."""

    def _look(self, directory: str, recursive: bool) -> None:  # noqa: FBT001  once for each directory
        inside = directory if directory.endswith("/") else f"{directory}/"
        handle = os.open(directory, _DIRECTORY)
        try:
            names = sorted(os.listdir(handle))  # noqa: PTH208  a quarter less than scandir, sorted by name
            # Alembic's rule for what is a revision file
            files = [name for name in names if name.endswith(".py") and not name.startswith((".#", "__init__"))]
            self._looks.append(marshal.dumps(_identities(files, handle), _WITHOUT_REFERENCES))
        finally:
            os.close(handle)
        self._names.append((inside, files))
        known = set(files)
        others = [name for name in names if name not in known] if len(files) < len(names) else []
        self.beside.setdefault(directory, []).extend(inside + name for name in others)
        for name in others if recursive else ():
            if name != "__pycache__" and is_directory(inside + name):
                self._look(inside + name, recursive)

    def __len__(self) -> int:
        return sum(len(files) for _, files in self._names)

    @property
    def _now(self) -> list[Identity]:
        return [identity for look in self._looks for identity in marshal.loads(look)]  # noqa: S302  our own

    @cached_property
    def paths(self) -> list[str]:
        """The files."""
        return [inside + name for inside, names in self._names for name in names]

    @cached_property
    def now(self) -> str:
        """What changes whenever any of the files does or any of `read`, and the names of these."""
        return self._told(_identities(self.read))

    def kept(self, known: int, facts: Sequence[list[Any]]) -> tuple[str, bytes]:
        """Return what a block keeps of the first `known` files and of these revisions: its listing and its body.

        The listing equals none where a file may change without a trace.
        """
        were = [now if now and now[0] < self._settled else None for now in self._now[:known]]
        read = _identities(self.read)
        read_were = [now if not now or now[0] < self._settled else None for now in read]
        certain = known == len(self) and None not in were and None not in read_were
        body = {"files": self.paths[:known], "were": were, "read": self.read, "read_were": read_were, "facts": facts}
        return self._told(read) if certain else _with("", self.read), packed(body)

    def _told(self, read: list[Identity]) -> str:
        told = marshal.dumps((self._names, self._looks, self.read, read), _WITHOUT_REFERENCES)
        return _with(hashlib.sha256(told).hexdigest(), self.read)

    def same(self, block: Block) -> dict[str, Any]:
        """What is kept, by path, of those files that are still the same; nothing where an import has changed."""
        body = unpacked(block.body)
        if [list(now) for now in _identities(body["read"])] != body["read_were"]:
            return {}
        before = {body["files"][fact[0]]: (body["were"][fact[0]], fact) for fact in body["facts"]}
        pairs = ((path, now, before.get(path)) for path, now in zip(self.paths, self._now, strict=True))
        return {path: known[1] for path, now, known in pairs if known is not None and known[0] == list(now)}


class KeptRevisions(Mapping[str, Revision]):
    """The revisions of an unchanged history, by id, parents before children."""

    def __init__(self, block: Block, count: int) -> None:
        self._block = block
        self._count = count

    @cached_property
    def _all(self) -> dict[str, Revision]:
        body = unpacked(self._block.body)
        return {fact[1]: revived(fact, body["files"][fact[0]]) for fact in body["facts"]}

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
        self.phases: Mapping[str, str] = block.phases

    @cached_property
    def summary(self) -> Summary:
        """The summary of all revisions, as it is kept."""
        digest, references, imports, requires, contents = unpacked(self._together)
        return Summary(digest, references, tuple(imports), requires, contents, self.phases)


class KeptHistories:
    """The file."""

    def __init__(self, kept: KeptFile) -> None:
        self._kept = kept
        self._blocks: dict[str, Block] = {}
        self._changed = False

    def __enter__(self) -> Self:
        content = self._kept.view()
        if content is None:
            return self
        at = int(bytes(content[:_WIDTH]), 16)
        for name, (heads, listing, phases, together, body) in json.loads(bytes(content[_WIDTH:at])).items():
            middle, end = at + together, at + together + body
            self._blocks[name] = Block(heads, listing, phases, content[at:middle], content[middle:end])
            at = end
        return self

    def get(self, service: str) -> Block | None:
        """The kept block of a service."""
        return self._blocks.get(service)

    def put(self, service: str, block: Block) -> None:
        """Keep a service from now on, unless that is what is kept already."""
        if block != self._blocks.get(service):
            self._blocks[service] = block
            self._changed = True

    def __exit__(self, *_: object) -> None:
        if self._changed:
            head = {name: [*told, len(together), len(body)] for name, (*told, together, body) in self._blocks.items()}
            rest = (part for block in self._blocks.values() for part in (block.together, block.body))
            told = json.dumps(head).encode()
            self._kept.keep(b"%0*x" % (_WIDTH, _WIDTH + len(told)), told, *rest)


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


def _identities(names: Sequence[str], directory: int | None = None) -> list[Identity]:
    """Identify each; seen from an open directory that goes faster."""
    if not names:
        return []
    look = os.stat
    try:
        return [_identity_of(look(name, dir_fd=directory)) for name in names]  # tens of thousands
    except OSError:
        return [_identity(name, directory) for name in names]


def _identity(name: str, directory: int | None) -> Identity:
    try:
        return _identity_of(os.stat(name, dir_fd=directory))
    except OSError:
        return ()


def packed(plain: Any) -> bytes:
    """Plain data on less than half of its room: most commands only carry it."""
    return compress(json.dumps(plain).encode(), _QUICKLY)


def unpacked(content: Buffer) -> Any:
    """Return what `packed` was given, tuples as lists."""
    return json.loads(decompress(content))


def _with(digest: str, read: Sequence[str]) -> str:
    return "\0".join((digest, *read))  # which no name holds


def _read_of(block: Block) -> list[str]:
    return block.listing.split("\0")[1:]
