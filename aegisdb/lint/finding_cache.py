"""Findings about files that have not changed since they were judged, so that `--all` is quick the next time."""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING, Any

from aegisdb.file_cache import Kind, Remembered
from aegisdb.lint.ignores import Ignore
from aegisdb.lint.rule import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from aegisdb.registry.types import Registry

    Judged = tuple[list[Finding], tuple[Ignore, ...]]

_FILE = Kind("cache/lint.json")


class Verdicts(Remembered):
    """A cache beside the registry; another owner or another Python forgets all of it."""

    def __init__(self, registry: Registry, seen: dict[str, list[int]]) -> None:
        super().__init__(_FILE.file(registry.state, key=_key(registry)), seen)

    def of(self, service: str, path: Path, shown: str) -> Judged | None:
        """What was found in a file that is still the same, and its ignores; None where it must be judged."""
        known = self.get(path)
        if known is None or known[0] != service:  # a file may belong to two services
            return None
        ignores = tuple(Ignore(line, tuple(rules), reason, head) for line, rules, reason, head in known[2])
        return of_rows(known[1], service, shown), ignores

    def keep(self, service: str, path: Path, findings: Iterable[Finding], ignores: Iterable[Ignore]) -> None:
        """Remember what was found."""
        comments = [[one.line, one.rules, one.reason, one.head] for one in ignores]
        self.put(path, [service, rows(findings), comments])


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


def _key(registry: Registry) -> str:
    """Hash what every finding depends on, and what rules ask the registry for: owners, version tables."""
    found = rules_key(registry)
    for name, service in registry.services.items():
        table = service.alembic.version_table if service.alembic else ""
        found.append(f"{name} {service.owns} {service.schema} {table}")
    return hashlib.sha256("\n".join(found).encode()).hexdigest()
