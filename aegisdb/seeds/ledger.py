"""What was seeded, when, by whom and from which sources: `aegisdb.seed_ledger` in the database itself."""

from __future__ import annotations

import json
from dataclasses import field
from typing import TYPE_CHECKING

from aegisdb.fast_dataclass import dataclass
from aegisdb.postgres import side_schema

if TYPE_CHECKING:
    from datetime import datetime

    from aegisdb.postgres.connection import Connection


@dataclass(frozen=True, kw_only=True)
class SeedDone:
    """One seed that ran and whose tables hold rows; `rows` counts those of `fills`."""

    service: str
    seed: str
    seconds: float
    rows: dict[str, int] = field(default_factory=dict)
    digest: str = ""


@dataclass(frozen=True)
class LedgerRow:
    """The last successful run of one seed."""

    digest: str
    rows: dict[str, int]
    seconds: float
    finished: datetime
    by: str


def record(conn: Connection, done: SeedDone) -> None:
    """Keep a successful run; the side schema must be there."""
    from aegisdb.postgres.markers import who

    user, _, host = who().partition("@")
    conn.execute(
        "INSERT INTO aegisdb.seed_ledger (service, seed, digest, rows, seconds, os_user, host)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (service, seed) DO UPDATE SET (digest, rows, seconds, finished, os_user, host) ="
        " (EXCLUDED.digest, EXCLUDED.rows, EXCLUDED.seconds, clock_timestamp(), EXCLUDED.os_user, EXCLUDED.host)",
        (done.service, done.seed, done.digest, json.dumps(done.rows), done.seconds, user, host),
    )


def read(conn: Connection) -> dict[tuple[str, str], LedgerRow]:
    """Last successful runs by (service, seed name); empty without a side schema."""
    if not side_schema.exists(conn):
        return {}
    rows = conn.rows(
        "SELECT service, seed, digest, coalesce(rows, '{}'), coalesce(seconds, 0), finished,"
        " pg_catalog.concat_ws('@', os_user, host) FROM aegisdb.seed_ledger"
    )
    return {(service, seed): LedgerRow(*facts) for service, seed, *facts in rows}
