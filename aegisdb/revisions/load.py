"""Reads the histories of a registry from disk, with a cache keyed by each file's identity."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aegisdb.errors import HistoryError
from aegisdb.file_cache import Kind, Remembered
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
from aegisdb.revisions.parse import FIELDS, NoLiteral, scan
from aegisdb.revisions.revision_map import arrange
from aegisdb.revisions.summary import summarized
from aegisdb.revisions.unseen import refuse_unseen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aegisdb.registry.types import Registry
    from aegisdb.revisions.parse import Revision

_LOCATIONS = Kind("cache/locations.json")
_REVISIONS = Kind("cache/revisions.kept")


def read_history(registry: Registry, service: str) -> History:
    """Read one service's history.

    Raises:
        HistoryError: its files cannot be read or contradict each other.
    """
    with _Reader(registry) as reader:
        return reader.history(service)


def read_histories(registry: Registry) -> dict[str, History | HistoryError]:
    """Read every history; a broken one is its error, and the others still work."""
    found: dict[str, History | HistoryError] = {}
    with _Reader(registry) as reader:
        for name in with_history(registry):
            try:
                found[name] = reader.history(name)
            except HistoryError as error:
                found[name] = error
    return found


def good_histories(registry: Registry) -> dict[str, History]:
    """Every history of the registry.

    Raises:
        HistoryError: the first one that cannot be read.
    """
    histories: dict[str, History] = {}
    for name, history in read_histories(registry).items():
        if isinstance(history, HistoryError):
            raise history
        histories[name] = history
    return histories


def with_history(registry: Registry) -> tuple[str, ...]:
    """Names of the services that have a history, in the registry's order."""
    return tuple(name for name, service in registry.services.items() if service.alembic is not None)


class _Reader:
    """Reads some histories of one registry, with what is kept of them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._remembered = Remembered(_LOCATIONS.file(registry.state))
        self._kept = KeptHistories(_REVISIONS.file(registry.state))
        self._real: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._remembered.__enter__()
        self._kept.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._remembered.__exit__()
        self._kept.__exit__()

    def history(self, name: str) -> History:
        """Read one of them; raises as `read_history`."""
        settings = alembic_settings(self._registry, name)
        locations = configured(self._registry, name, self._remembered)
        block = self._kept.get(name)
        if not locations.inside:
            require_directories(name, locations)
        try:
            directories = dict.fromkeys(map(self._resolved, locations.places.versions))
            listing = Listing(directories, recursive=locations.recursive, block=block)
        except (FileNotFoundError, NotADirectoryError):
            require_directories(name, locations)
            raise
        if not listing:
            refuse_unseen(name, locations)
        revisions: Mapping[str, Revision] = {}
        if block is None or block.listing != listing.now or block.heads is None:
            block, revisions = self._read(name, listing, block)
        schema, known, summary = self._registry.services[name].schema, None, None
        if block.heads is not None:  # those of ten thousands of files are decoded again by whoever asks for them
            count, *heads = block.heads
            revisions, known = KeptRevisions(block, count), tuple(heads)
            summary = KeptSummary(block)
        as_listed = block.listing if block.listing == listing.now else ""
        return History(
            name, settings.version_table, schema, locations, revisions, known, summary, listing.beside, as_listed
        )

    def _read(self, name: str, listing: Listing, block: Block | None) -> tuple[Block, Mapping[str, Revision]]:
        """Read those files that are not what they were, and keep all of them."""
        same = listing.same(block) if block is not None else {}
        listing.read = listing.read if same else []
        found: list[Revision] = []
        arranged: dict[str, Revision] = {}
        try:
            # one by one: where a file cannot be read, those before it are kept
            found.extend(self._scanned(name, listing, same))
            arranged = arrange(name, found)
        finally:
            # an abbreviation in `depends_on` means what the other files make of it
            ordered = bool(arranged) and not any(revision.depends_on for revision in found)
            block = _block(listing, found, arranged if ordered else None)
            self._kept.put(name, block)
        return block, arranged

    def _scanned(self, name: str, listing: Listing, same: Mapping[str, list[Any]]) -> Iterator[Revision]:
        """Every file in order; those whose ids are no literals are run, all of them in one process."""
        read: dict[str, Revision] = {}
        run: list[str] = []
        for path in listing.paths:
            try:
                read[path] = revived(same[path], path) if path in same else scan(Path(path))
            except NoLiteral:
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

    def _resolved(self, path: str) -> str:
        """The path without symbolic links; services share most of the directories above theirs."""
        if not path.startswith("/") or ".." in path:
            return os.path.realpath(path)
        known = self._real.get(path)
        if known is None:
            parent, _, name = path.rpartition("/")
            if not name:
                return path
            place = f"{self._resolved(parent).rstrip('/')}/{name}" if parent else path
            linked = stat.S_ISLNK(os.lstat(place).st_mode)
            known = self._real[path] = os.path.realpath(place) if linked else place
        return known


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
