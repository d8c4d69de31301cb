"""Applied revisions whose code is not what the journal says was applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aegisdb.applied.status import Standing
    from aegisdb.postgres.connection import Connection

_LAST_UPGRADES = """
SELECT DISTINCT ON (service, revision) service, revision, digest
FROM aegisdb.journal
WHERE action = 'upgrade' AND outcome = 'done' AND digest IS NOT NULL
ORDER BY service, revision, id DESC
"""


def tampered(conn: Connection, standings: Iterable[Standing]) -> dict[str, tuple[str, ...]]:
    """Changed revisions by service; comments and formatting do not count. What plain Alembic applied is not known."""
    if conn.value("SELECT to_regclass('aegisdb.journal')") is None:
        return {}
    ran = {(service, revision): digest for service, revision, digest in conn.rows(_LAST_UPGRADES)}
    found: dict[str, tuple[str, ...]] = {}
    for standing in standings:
        if standing.history is None:
            continue
        applied = standing.history.ancestors(standing.applied)
        changed = tuple(
            revision.id
            for revision in standing.history.ordered()
            if revision.id in applied and ran.get((standing.service, revision.id), revision.digest) != revision.digest
        )
        if changed:
            found[standing.service] = changed
    return found
