"""Lint of a part of the services, here or by a worker of an engine that sees the same files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aegisdb.errors import HistoryError
from aegisdb.lint import Context
from aegisdb.lint.services import lint_services
from aegisdb.revisions.history import Everything
from aegisdb.revisions.locate import locate
from aegisdb.revisions.parse import scan_source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from aegisdb.lint.changed_files import Changes
    from aegisdb.lint.services import Report
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision

    Histories = Mapping[str, History | HistoryError]


@dataclass(frozen=True)
class Looking:
    """What a lint looks for, beside the files themselves."""

    changed: Changes
    tampered: frozenset[tuple[str, str]]
    """(service, revision) of what the target's database has applied with another text."""
    every: bool
    """Whether it looks into every revision."""

    def part(self, registry: Registry, histories: Histories) -> Looking:
        """Return what of it concerns these histories."""
        where = directories(registry, histories)
        mine = {path for path in self.changed.paths if any(path.is_relative_to(one) for one in where)}
        before = {path: text for path, text in self.changed.before.items() if path in mine}
        changed = replace(self.changed, added=self.changed.added & mine, before=before)
        return replace(self, changed=changed, tampered=frozenset(one for one in self.tampered if one[0] in histories))

    def chosen(self, history: History) -> Sequence[Revision]:
        """Revisions to look into: changed ones, or all where nothing tells what is new."""
        if self.every or not self.changed.base:
            return Everything(history)
        paths = self.changed.paths
        return [revision for revision in history.ordered() if revision.path in paths] if paths else []


def look(registry: Registry, histories: Histories, looking: Looking) -> Report:
    """Judge these services.

    Raises:
        Failed: squawk failed, or the worker of a service does not start.
    """
    before = {path: _digest(text, path) for path, text in looking.changed.before.items()}
    context = Context(
        registry=registry, histories={}, added=looking.changed.added, before=before, tampered=looking.tampered
    )
    return lint_services(context, dict(histories), looking.chosen)


def directories(registry: Registry, histories: Histories) -> list[Path]:
    """The folders of these services' revisions."""
    found = []
    for name, history in histories.items():
        try:
            locations = locate(registry, name) if isinstance(history, HistoryError) else history.locations
        except HistoryError:
            continue  # it has no directory of revisions; the finding about it says so
        found += list(locations.versions)
    return found


def _digest(source: bytes, path: Path) -> str:
    try:
        return scan_source(source, path).digest
    except HistoryError:
        return ""  # it was no revision then, so it was not applied as one
