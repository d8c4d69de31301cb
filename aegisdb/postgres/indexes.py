"""INVALID indexes: what a CREATE, DROP or REINDEX CONCURRENTLY that did not finish leaves behind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aegisdb.postgres.connection import Connection

INVALID = """
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), c.relname,
       i.indrelid::regclass::text,
       pg_get_indexdef(i.indexrelid),
       EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT i.indisvalid AND c.relkind = 'i' ORDER BY 1
"""
"""The query for them, with what an `InvalidIndex` has."""
_LEFT_BY_REINDEX = re.compile(r"_cc(?:new|old)\d*$")


@dataclass(frozen=True)
class InvalidIndex:
    """An index that costs every write and serves no query; IF NOT EXISTS takes it for a good one."""

    name: str
    """Schema-qualified and quoted where needed."""
    bare: str
    table: str
    definition: str
    in_work: bool
    """Whether another session builds it right now."""

    @property
    def superfluous(self) -> bool:
        """The transient copy of a REINDEX CONCURRENTLY; the index itself is there beside it."""
        return _LEFT_BY_REINDEX.search(self.bare) is not None

    @property
    def repair(self) -> str:
        """The statement that fixes it without a lock that stops writers."""
        verb = "DROP INDEX CONCURRENTLY" if self.superfluous else "REINDEX INDEX CONCURRENTLY"
        return f"{verb} {self.name}"

    @property
    def removal(self) -> str:
        """The statement that takes it away."""
        return f"DROP INDEX CONCURRENTLY {self.name}"


def invalid_indexes(conn: Connection) -> tuple[InvalidIndex, ...]:
    """All of this database, by name; not those of partitioned tables, which are invalid until their last part is."""
    return tuple(InvalidIndex(*row) for row in conn.rows(INVALID))
