"""Reads the histories of a registry from disk, with a cache keyed by each file's identity."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from aegisdb.errors import HistoryError
from aegisdb.file_cache import Kind, Remembered
from aegisdb.files import real_path
from aegisdb.revisions.cache import (
    Block,
    KeptHistories,
    KeptRevisions,
    KeptSummary,
    Listing,
    facts_of,
    packed,
    revived,
)
from aegisdb.revisions.history import History
from aegisdb.revisions.locate import alembic_settings, configured, require_directories
from aegisdb.revisions.locations import Locations
from aegisdb.revisions.parse import FIELDS, NoLiteral, scan
from aegisdb.revisions.revision_map import arrange
from aegisdb.revisions.summary import summarized
from aegisdb.revisions.unseen import refuse_unseen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from aegisdb.registry.types import Registry
    from aegisdb.revisions.locations import Places
    from aegisdb.revisions.parse import Revision

_LOCATIONS = Kind("cache/locations.json")
_REVISIONS = Kind("cache/revisions.kept")
_WORTH_A_FORK, _NEW_WORTH_A_FORK = 200, 20
"""Histories: a fork takes as long as it takes to look at some thirty, or to read one or two."""


def read_history(registry: Registry, service: str) -> History:
    """Read one service's history.

    Raises:
        HistoryError: its files cannot be read or contradict each other.
    """
    with _Reader(registry) as reader:
        return reader.history(service)


def read_histories(registry: Registry, only: Collection[str] | None = None) -> dict[str, History | HistoryError]:
    """Read every history, or those of `only` these services; a broken one is its error, and the others still work."""
    found: dict[str, History | HistoryError] = {}
    names = [name for name in with_history(registry) if only is None or name in only]
    with _Reader(registry) as reader:
        reader.look_side_by_side(names)
        for name in names:
            try:
                found[name] = reader.history(name)
            except HistoryError as error:
                found[name] = error
    return found


def good_histories(registry: Registry, only: Collection[str] | None = None) -> dict[str, History]:
    """Every history of the registry, or those of `only` these services.

    Raises:
        HistoryError: the first one that cannot be read.
    """
    histories: dict[str, History] = {}
    for name, history in read_histories(registry, only).items():
        if isinstance(history, HistoryError):
            raise history
        histories[name] = history
    return histories


def with_history(registry: Registry) -> tuple[str, ...]:
    """Names of the services that have a history, in the registry's order."""
    return tuple(name for name, service in registry.services.items() if service.alembic is not None)


class _Seen(NamedTuple):
    """What is on disk of a history, as plain data."""

    places: Places
    beside: dict[str, list[str]]
    block: Block | None
    """All of its revisions; None where that is what is kept of it."""
    listing: str
    """As that of `History`."""


class _Reader:
    """Reads some histories of one registry, with what is kept of them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._remembered = Remembered(_LOCATIONS.file(registry.state))
        self._kept = KeptHistories(_REVISIONS.file(registry.state))
        self._beside: dict[str, _Seen] = {}
        """What was looked at already."""

    def __enter__(self) -> Self:
        self._remembered.__enter__()
        self._kept.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._remembered.__exit__()
        self._kept.__exit__()

    def history(self, name: str) -> History:
        """Read one of them; raises as `read_history`."""
        found = self._beside.pop(name, None)
        if found is not None:
            return self._history(name, found, {})
        return self._history(name, *self._seen(name))

    def look_side_by_side(self, names: Sequence[str]) -> None:
        """Look at every other one in a fork, beside the others, where that is worth it: `history` then knows."""
        new = sum(self._kept.get(name) is None for name in names)
        if len(names) - new < _WORTH_A_FORK and new < _NEW_WORTH_A_FORK:
            return
        from aegisdb.background import in_fork, may_fork

        if not may_fork():
            return
        with in_fork(partial(self._seen_there, names[1::2])) as seen_there:
            self._beside = {name: found for name in names[::2] if (found := self._plainly_seen(name)) is not None}
            there, told = seen_there()
        self._remembered.take(told)
        for name, found in there.items():
            self._beside[name] = found
            if found.block is not None:
                self._kept.put(name, found.block)

    def _seen_there(self, names: Iterable[str]) -> tuple[dict[str, _Seen], dict[str, Any]]:
        """What a fork has to say of these histories, as plain data."""
        found = {name: found for name in names if (found := self._plainly_seen(name)) is not None}
        return found, self._remembered.new

    def _plainly_seen(self, name: str) -> _Seen | None:
        """Look at one; None where it must be read in order, since that fails, asks a process or keeps nothing."""
        try:
            found, _ = self._seen(name, ask=False)
        except HistoryError:
            return None
        kept = found.block or self._kept.get(name)
        return found if kept is not None and kept.heads is not None else None

    def _seen(self, name: str, *, ask: bool = True) -> tuple[_Seen, Mapping[str, Revision]]:
        """Look at the files of one, and read those that are not what they were; also its revisions if it read any."""
        locations = configured(self._registry, name, self._remembered)
        block = known = self._kept.get(name)
        if not locations.inside:
            require_directories(name, locations)
        try:
            directories = dict.fromkeys(map(real_path, locations.places.versions))
            listing = Listing(directories, recursive=locations.recursive, block=block)
        except (FileNotFoundError, NotADirectoryError):
            require_directories(name, locations)
            raise
        if not listing:
            refuse_unseen(name, locations)
        revisions: Mapping[str, Revision] = {}
        if block is None or block.listing != listing.now or block.heads is None:
            block, revisions = self._read(name, listing, block, ask=ask)
        as_listed = block.listing if block.listing == listing.now else ""
        return _Seen(locations.places, listing.beside, None if block is known else block, as_listed), revisions

    def _history(self, name: str, found: _Seen, revisions: Mapping[str, Revision]) -> History:
        service, block = self._registry.services[name], found.block or self._kept.get(name)
        table, known, summary = alembic_settings(self._registry, name).version_table, None, None
        if block is not None and block.heads is not None:
            # those of ten thousands of files are decoded again by whoever asks for them
            count, *heads = block.heads
            revisions, known = KeptRevisions(block, count), tuple(heads)
            summary = KeptSummary(block)
        places = Locations(found.places)
        return History(name, table, service.schema, places, revisions, known, summary, found.beside, found.listing)

    def _read(
        self, name: str, listing: Listing, block: Block | None, *, ask: bool
    ) -> tuple[Block, Mapping[str, Revision]]:
        """Read those files that are not what they were, and keep all of them."""
        same = listing.same(block) if block is not None else {}
        listing.read = listing.read if same else []
        found: list[Revision] = []
        arranged: dict[str, Revision] = {}
        try:
            # one by one: where a file cannot be read, those before it are kept
            found.extend(self._scanned(name, listing, same, ask=ask))
            arranged = arrange(name, found)
        finally:
            # an abbreviation in `depends_on` means what the other files make of it
            ordered = bool(arranged) and not any(revision.depends_on for revision in found)
            block = _block(listing, found, arranged if ordered else None)
            self._kept.put(name, block)
        return block, arranged

    def _scanned(self, name: str, listing: Listing, same: Mapping[str, list[Any]], *, ask: bool) -> Iterator[Revision]:
        """Every file in order; with `ask` those whose ids are no literals are run, all of them in one process."""
        read: dict[str, Revision] = {}
        run: list[str] = []
        for path in listing.paths:
            try:
                read[path] = revived(same[path], path) if path in same else scan(Path(path))
            except NoLiteral:
                if not ask:
                    raise
                run.append(path)
            except HistoryError:
                yield from read.values()
                raise
        if run:
            from aegisdb.revisions.asked import asked

            service = self._registry.services[name]
            answer = asked(self._registry.root / service.path, service.runner, FIELDS, run)
            read |= {path: scan(Path(path), answer.values[path]) for path in run}
            listing.read = sorted({*listing.read, *answer.read})
        yield from (read[path] for path in listing.paths)


def _block(listing: Listing, found: list[Revision], arranged: Mapping[str, Revision] | None) -> Block:
    places = {revision.file: place for place, revision in enumerate(found)}
    revised = {parent for revision in found for parent in revision.down}
    heads = None if arranged is None else [len(arranged), *(one for one in arranged if one not in revised)]
    ordered = found if arranged is None else list(arranged.values())
    facts = [facts_of(revision, places[revision.file]) for revision in ordered]
    summary = summarized(ordered)
    kept, body = listing.kept(len(found), facts)
    *others, phases = summary
    return Block(heads, kept, dict(phases), packed(others), body)
