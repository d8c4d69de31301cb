"""The rows of every table as one hash a table, whatever their order: proves that a second run changed nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.plain_text import number_of
from aegisdb.postgres.quoting import quote_literal

if TYPE_CHECKING:
    from aegisdb.postgres.connection import Connection

_TABLES = """
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', 'aegisdb')
       AND NOT EXISTS (SELECT FROM pg_depend d
                        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
     ORDER BY 1"""


def table_contents(conn: Connection) -> dict[str, tuple[int, str]]:
    """Rows and hash of every ordinary table, the side schema's and extensions' own left out.

    A sum of row hashes does not depend on the order of the rows; ONLY, because AGE's labels inherit from each other.
    """
    with conn.transaction():
        # times and floats as text must not depend on the server's settings
        conn.execute("SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL extra_float_digits = 3")
        tables = [str(name) for (name,) in conn.rows(_TABLES)]
        queries = [
            f"SELECT {quote_literal(table)}, count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::text"  # noqa: S608
            f" FROM ONLY {table} t"
            for table in tables
        ]
        rows = conn.rows(" UNION ALL ".join(queries)) if queries else []
    return {name: (number, digest) for name, number, digest in rows}


def changed_tables(before: dict[str, tuple[int, str]], after: dict[str, tuple[int, str]]) -> tuple[str, ...]:
    """One line for each table whose rows differ: `public.skills: 12 rows became 24`."""
    lines = []
    for table in sorted({*before, *after}):
        old, new = before.get(table), after.get(table)
        if old != new:
            lines.append(f"{table}: {_change(old, new)}")
    return tuple(lines)


def _change(old: tuple[int, str] | None, new: tuple[int, str] | None) -> str:
    if old is None or new is None:
        return "appeared" if old is None else "disappeared"
    return (
        f"{number_of(old[0], 'row')} became {new[0]}"
        if old[0] != new[0]
        else f"values changed in its {number_of(new[0], 'row')}"
    )
