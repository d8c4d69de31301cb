"""The order in which revisions ran in a database, for services that rest on each other in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.errors import Unreachable
from aegisdb.postgres.connection import connect
from aegisdb.revisions.independence import share_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aegisdb.postgres.address import Address
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision
    from aegisdb.revisions.sequence import Step, Waits

_LAST = """
SELECT service, revision, digest FROM (
    SELECT DISTINCT ON (service, revision) service, revision, action, digest, id FROM aegisdb.journal
    WHERE action IN ('upgrade', 'downgrade') AND outcome IN ('done', 'resolved') ORDER BY service, revision, id DESC
) AS last WHERE action = 'upgrade' ORDER BY id
"""


def waits_of_life(registry: Registry, live: Address, histories: Sequence[History]) -> Waits:
    """For revisions that ran in the live database after those of a later service whose names they share: these.

    Revisions that were changed since then, or do not run there, wait for nothing. Empty without such a database.
    """
    places = {history.service: place for place, history in enumerate(histories)}
    ran: list[tuple[int, Revision]] = []
    waits: dict[Step, tuple[Step, ...]] = {}
    for service, identifier, digest in _journal(live):
        place = places.get(service)
        revision = histories[place].revisions.get(identifier) if place is not None else None
        if place is None or revision is None or revision.digest != digest:
            continue
        if found := tuple(_shared(registry, histories, (place, revision), ran)):
            waits[service, identifier] = found
        ran.append((place, revision))
    return waits


def _journal(live: Address) -> list[tuple[str, str, str]]:
    try:
        with connect(live, application="aegisdb: order of revisions") as conn:
            if conn.value("SELECT to_regclass('aegisdb.journal')") is None:
                return []
            return [(row[0], row[1], row[2]) for row in conn.rows(_LAST)]
    except Unreachable:
        return []


def _shared(
    registry: Registry, histories: Sequence[History], late: tuple[int, Revision], ran: Sequence[tuple[int, Revision]]
) -> list[Step]:
    """Find for each later service the last revision that ran before and shares a name."""
    found: dict[int, Step] = {}
    mine = (histories[late[0]].service, late[1])
    for place, revision in reversed(ran):
        other = histories[place].service
        if place > late[0] and place not in found and share_names(registry, mine, (other, revision)):
            found[place] = (other, revision.id)
    return list(found.values())
