"""What was found in files that have not changed since they were judged, so that `--all` is quick the next time.

A service of which nothing has changed is one answer; of another one, each file that has not changed is.
"""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING, Any, Self

from aegisdb.file_cache import Kind, Remembered
from aegisdb.lint.ignores import Ignore
from aegisdb.lint.packed import Packed
from aegisdb.lint.rule import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from aegisdb.lint.rule import Context
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History

    Judged = tuple[list[Finding], tuple[Ignore, ...]]

_FILES = Kind("cache/lint/{name}.json")
_SERVICES = Kind("cache/lint.json")


class Verdicts(Remembered):
    """A cache of one service beside the registry; another owner or another Python forgets all of it."""

    def __init__(self, context: Context, service: str) -> None:
        super().__init__(_FILES.file(context.registry.state, service, key=_key(context)), context.identities)
        self._service = service

    def of(self, path: Path, shown: str) -> Judged | None:
        """What was found in a file that is still the same, and its ignores; None where it must be judged."""
        known = self.get(path)
        if known is None:
            return None
        ignores = tuple(Ignore(line, tuple(rules), reason, head) for line, rules, reason, head in known[1])
        return of_rows(known[0], self._service, shown), ignores

    def keep(self, path: Path, findings: Iterable[Finding], ignores: Iterable[Ignore]) -> None:
        """Remember what was found."""
        comments = [[one.line, one.rules, one.reason, one.head] for one in ignores]
        self.put(path, [rows(findings), comments])


class KeptServices:
    """What was found in whole services, as long as none of their files, nor squawk, nor the registry has changed."""

    def __init__(self, context: Context, squawk: str) -> None:
        """`squawk` is what its answers depend on."""
        key = hashlib.sha256(f"{_key(context)} {squawk}".encode("utf-8", "surrogateescape"))
        self._kept = _SERVICES.file(context.registry.state, key=key.hexdigest())
        self._known: dict[str, list[Any]] = {}
        self._changed = False

    def __enter__(self) -> Self:
        self._known = self._kept.read_json() or {}
        return self

    def get(self, history: History) -> Packed | None:
        """What was found, ignored findings left out; None where its files must be looked at."""
        known = self._known.get(history.service)
        if known is None or known[0] != history.listing:
            return None
        return Packed.of_plain(history.service, known[1:])

    def put(self, listing: str, packed: Packed) -> None:
        """Keep what was found in all files of a history with this listing, where nothing but these had a say."""
        self._known[packed.service] = [listing, *packed.plain()]
        self._changed = True

    def __exit__(self, *_: object) -> None:
        if self._changed:
            self._kept.keep_json(self._known)


def rows(findings: Iterable[Finding]) -> list[list[Any]]:
    """Findings about one file as plain data, without what is the same for all of them."""
    return [[one.rule, one.message, one.line, one.fix, one.last_line] for one in findings]


def of_rows(kept: Iterable[list[Any]], service: str, shown: str) -> list[Finding]:
    """The findings again; of tens of thousands, each text is there once."""
    return [
        Finding(
            rule=sys.intern(rule),
            message=sys.intern(message),
            path=shown,
            line=line,
            fix=sys.intern(fix),
            service=service,
            last_line=last_line,
        )
        for rule, message, line, fix, last_line in kept
    ]


def rules_key(registry: Registry) -> list[str]:
    """What every finding depends on besides its file and the rules: this Python, where the registry is."""
    return [sys.version, str(registry.root)]


def _key(context: Context) -> str:
    """Hash what every finding depends on, and what rules ask the registry for: owners, version tables, policies."""
    if not context.key:  # with many services it costs
        context.key.append(_hash(context.registry))
    return context.key[0]


def _hash(registry: Registry) -> str:
    found = rules_key(registry)
    for name, service in registry.services.items():
        table = service.alembic.version_table if service.alembic else ""
        found.append(f"{name} {service.owns} {service.schema} {table} {service.one_way}")
    return hashlib.sha256("\n".join(found).encode("utf-8", "surrogateescape")).hexdigest()
