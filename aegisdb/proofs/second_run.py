"""What a second run changed: the proof that a seed or a deploy file may be run again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.seeds.row_hashes import changed_tables, table_contents

if TYPE_CHECKING:
    from aegisdb.fingerprint import Fingerprint
    from aegisdb.postgres.address import Address


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


def what_changed(before: Look, after: Look) -> tuple[str, ...]:
    """Lines that name each schema object that differs and each table whose rows do."""
    from aegisdb import fingerprint

    changes = tuple(str(change) for change in fingerprint.diff(before.schema, after.schema))
    return changes + changed_tables(before.rows, after.rows)
