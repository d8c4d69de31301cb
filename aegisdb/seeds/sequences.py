"""Sequences that are behind the column that they number: the next insert of the application would collide."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from aegisdb.postgres.connection import Connection

_NUMBERED = """
WITH used (sequence, relation, attribute) AS (
    SELECT objid, refobjid, refobjsubid FROM pg_depend
    WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i')
    UNION
    SELECT d.refobjid, f.adrelid, f.adnum FROM pg_attrdef f
    JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_class'::regclass
)
SELECT pg_catalog.format('%I.%I', sn.nspname, s.relname),
       pg_catalog.format('%I.%I', n.nspname, t.relname), pg_catalog.quote_ident(a.attname),
       q.seqincrement::bigint
FROM used u
JOIN pg_class s ON s.oid = u.sequence AND s.relkind = 'S' JOIN pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_sequence q ON q.seqrelid = s.oid AND q.seqincrement > 0 AND NOT q.seqcycle
JOIN pg_class t ON t.oid = u.relation AND t.relkind IN ('r', 'p') JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = u.attribute
     AND a.atttypid IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)
WHERE n.nspname NOT IN ('aegisdb', 'information_schema') AND pg_catalog.left(n.nspname, 3) <> 'pg_'
ORDER BY 1, 2
"""


class Behind(NamedTuple):
    """A sequence behind its column; names are quoted where needed."""

    sequence: str
    table: str
    column: str
    following: int
    """The number that the sequence gives next."""
    highest: int

    def __str__(self) -> str:
        return f"{self.sequence} gives {self.following} next, and {self.table}.{self.column} goes up to {self.highest}"

    @property
    def remedy(self) -> str:
        """The statement that moves it on."""
        return f"SELECT setval('{self.sequence}', (SELECT max({self.column}) FROM {self.table}));"  # noqa: S608  shown, not run


def sequences_behind(conn: Connection) -> tuple[Behind, ...]:
    """Find the sequences of a database that are behind; reads the highest value of each numbered column."""
    found = []
    for sequence, table, column, step in conn.rows(_NUMBERED):
        last, called = conn.rows(f"SELECT last_value, is_called FROM {sequence}")[0]  # noqa: S608  quoted by the server
        highest = conn.value(f"SELECT max({column}) FROM {table}")  # noqa: S608  quoted by the server
        following = last + step if called else last
        if highest is not None and following <= highest:
            found.append(Behind(sequence, table, column, following, highest))
    return tuple(found)
