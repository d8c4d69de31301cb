"""What a second run changed: the proof that a seed or a deploy file may be run again."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.proofs import memory
from aegisdb.seeds.row_hashes import changed_tables, table_contents
from aegisdb.seeds.sequences import sequences_behind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from aegisdb.fingerprint import Fingerprint
    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection
    from aegisdb.seeds.sequences import Behind


@dataclass(frozen=True)
class Look:
    """Schema and rows of a database at one moment."""

    schema: Fingerprint
    rows: dict[str, tuple[int, str]]


class Looking:
    """A session on a copy, for looks between what others run there; it has no transaction and no lock meanwhile.

    Where it `stays`, all looks are one session's, whose first reading costs four times as much as a later one.
    """

    def __init__(self, address: Address, *, stays: bool) -> None:
        self.address = address
        self._stays = stays
        self._conn: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._conn is not None:
            self._conn.close()

    def look(self) -> Look:
        """Read schema and rows."""
        from aegisdb import fingerprint

        with self._session() as conn:
            return Look(fingerprint.read(conn), table_contents(conn))

    def behind(self) -> tuple[Behind, ...]:
        """Find the sequences that are behind."""
        with self._session() as conn:
            return sequences_behind(conn)

    @contextmanager
    def _session(self) -> Iterator[Connection]:
        from aegisdb.postgres.connection import connect

        # what runs there may have ended it
        if self._conn is None or not self._conn.is_alive():
            self.__exit__()
            self._conn = connect(self.address, application="aegisdb: prove")
            self._conn.stay()
        yield self._conn
        if not self._stays:
            self._conn.close()


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
