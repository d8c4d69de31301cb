"""What a template lacks of what was built in it, as no copy has it: subscriptions, and slots of logical replication."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aegisdb.errors import Failed
from aegisdb.postgres.connection import connect
from aegisdb.postgres.markers import read_marker
from aegisdb.postgres.uncopied import PREPARED, SUBSCRIPTION, end_uncopied, uncopied

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.postgres.connection import Connection

FACT = "lacking"
"""What the marker of a template or a snapshot calls it."""


def lacking(conn: Connection, template: str) -> dict[str, str]:
    """Things that a copy of this template or snapshot lacks: as the fingerprint tells them, or named only."""
    marker = read_marker(conn, template)
    own = dict.fromkeys(map(str, uncopied(conn, template)), "")
    return own | (json.loads(marker.facts.get(FACT, "{}")) if marker else {})


def lacking_fact(lacks: Mapping[str, str]) -> dict[str, str]:
    """Facts of a marker that say so; none where nothing is lacking."""
    return {FACT: json.dumps(lacks)} if lacks else {}


def subscriptions(lacks: Mapping[str, str]) -> dict[str, str]:
    """Subscriptions of these, as a fingerprint of a database that has them tells them."""
    return {key: facts for key, facts in lacks.items() if key.startswith(f"{SUBSCRIPTION} ")}


def end_lacking(conn: Connection, name: str) -> dict[str, str]:
    """End in a finished database what its copies will lack, so that it can be dropped one day; what that was.

    Raises:
        Failed: a prepared transaction was left in it.
    """
    if not (found := uncopied(conn, name)):
        return {}
    from aegisdb.fingerprint import read

    require_nothing_prepared(conn, name)
    with connect(conn.address.with_database(name), application="aegisdb: templates") as there:
        facts = subscriptions(read(there).facts)
    end_uncopied(conn, name)
    return {str(one): "" for one in found if one.kind != SUBSCRIPTION} | facts


def require_nothing_prepared(conn: Connection, name: str) -> None:
    """Refuse a database that was built and has a transaction which is neither committed nor rolled back.

    Raises:
        Failed: which it is.
    """
    if left := [one.name for one in uncopied(conn, name) if one.kind == PREPARED]:
        raise Failed(
            f"what was built leaves a prepared transaction: {', '.join(left)}",
            hint="add COMMIT PREPARED to the revision, seed or SQL file that says PREPARE TRANSACTION",
            code="prepared",
        )
