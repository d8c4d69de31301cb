"""What a second run changed: the proof that a seed or a deploy file may be run again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.proofs import memory
from aegisdb.seeds.row_hashes import changed_tables, table_contents

if TYPE_CHECKING:
    from aegisdb.fingerprint import Fingerprint
    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection


@dataclass(frozen=True)
class Look:
    """Schema and rows of a database at one moment."""

    schema: Fingerprint
    rows: dict[str, tuple[int, str]]


def look(address: Address) -> Look:
    """Read both; no session stays."""
    from aegisdb import fingerprint
    from aegisdb.postgres.connection import connect

    with connect(address, application="aegisdb: prove") as conn:
        return Look(fingerprint.read(conn), table_contents(conn))


def state(conn: Connection) -> str:
    """Hash schema, rows and where sequences stand: all of a database that a seed or a deploy file can see."""
    from aegisdb import fingerprint

    numbers = conn.rows("SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2")
    rows = table_contents(conn)
    return memory.ground(fingerprint.read(conn).digest, sorted(map(repr, rows.items())), sorted(map(repr, numbers)))


def what_changed(before: Look, after: Look) -> tuple[str, ...]:
    """Lines that name each schema object that differs and each table whose rows do."""
    from aegisdb import fingerprint

    changes = tuple(str(change) for change in fingerprint.diff(before.schema, after.schema))
    return changes + changed_tables(before.rows, after.rows)
