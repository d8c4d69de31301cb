"""Drift: the live schema against what the histories build at the applied revisions, by owner.

Files that are pending are no drift, and nothing here proposes to drop what somebody made by hand.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from aegisdb.building.proof_target import comparable, in_words_of, proving
from aegisdb.drift.expected_schema import base_schema, schema_at
from aegisdb.fingerprint import Alike, diff, read, without_parts
from aegisdb.fingerprint.partitions import without_new_partitions
from aegisdb.ownership import NOBODY, Owners
from aegisdb.revisions.load import good_histories
from aegisdb.runtime.history_base import laid_grounds

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from aegisdb.fingerprint import Change, Fingerprint
    from aegisdb.postgres.connection import Connection
    from aegisdb.registry.types import Registry
    from aegisdb.workspace import Workspace


@dataclass(frozen=True)
class Drift:
    """What differs, by owner; "" is nobody's. `live` is the fingerprint that was compared."""

    changes: Mapping[str, tuple[Change, ...]]
    live: Fingerprint
    owners: Owners


def drift(
    ws: Workspace,
    conn: Connection,
    applied: Mapping[str, tuple[str, ...]],
    live: Fingerprint | None = None,
    *,
    built: Workspace | None = None,
) -> Drift:
    """Compare the database of `conn` (or `live`, read from it before) with what these revisions build elsewhere.

    `built` has the services that are built, where that is not all of them: of the others nothing is compared.

    The order of columns is left out: it depends on how often a table was changed back and forth.

    Raises:
        RevisionFailed: an applied revision does not build any more; Refused: as `comparable`.
    """
    there = comparable(ws, conn)
    building = comparable(built, conn) if built else there
    owners = Owners(ws.registry, base_schema(there))
    laid = laid_grounds(building.registry, conn, good_histories(building.registry).values())
    expected = in_words_of(conn, building, schema_at(building, applied, laid))
    return _compared(ws.registry, building.registry, owners, expected, live or read(conn))


class References:
    """What the histories build at the revisions of many databases: each reference is built once, whoever asks first.

    `ws` has all services, `built` those that build; proofs are made on the same server for both.
    """

    def __init__(self, ws: Workspace, built: Workspace) -> None:
        self._registry = ws.registry
        self._built = built
        self._owners = Owners(ws.registry, base_schema(ws))
        self._building = Lock()
        self._known: dict[Hashable, Fingerprint] = {}
        self._in_words: dict[tuple[int, str], Fingerprint] = {}
        self._alike = Alike()

    def drift(self, ws: Workspace, conn: Connection, applied: Mapping[str, tuple[str, ...]]) -> Drift:
        """As `drift`, for the database of `conn`, which is the one of `ws`; from any thread."""
        comparable(ws, conn)
        expected = self._expected(conn, applied)
        return _compared(self._registry, self._built.registry, self._owners, expected, self._alike.read(conn))

    def _expected(self, conn: Connection, applied: Mapping[str, tuple[str, ...]]) -> Fingerprint:
        user = str(conn.value("SELECT current_user"))
        laid = laid_grounds(self._built.registry, conn, good_histories(self._built.registry).values())
        key = (tuple(sorted(applied.items())), laid)
        with self._building:
            if key not in self._known:
                self._known[key] = schema_at(proving(self._built), applied, laid)
            made = self._known[key]
            if (id(made), user) not in self._in_words:
                self._in_words[id(made), user] = in_words_of(conn, proving(self._built), made)
            return self._in_words[id(made), user]


def _compared(registry: Registry, built: Registry, owners: Owners, expected: Fingerprint, live: Fingerprint) -> Drift:
    changes = [c for c in diff(expected, live) if not c.is_remark and not owners.is_version_table(c)]
    whose = owners.owners(expected, live) if changes else {}
    grouped: dict[str, list[Change]] = defaultdict(list)
    for change in without_parts(without_new_partitions(changes, expected, live)):
        grouped[whose[change.object]].append(change)
    for name in registry.services.keys() - built.services.keys():
        grouped.pop(name, None)
        settings = registry.services[name]
        if (
            settings.alembic and not settings.owns and not settings.schema
        ):  # what it made is nobody's, as far as names tell
            grouped[NOBODY] = [change for change in grouped[NOBODY] if change.kind != "added"]
    return Drift({owner: tuple(found) for owner, found in grouped.items() if found}, live, owners)
