"""The tables that a seed fills: do they exist, do they hold rows. A seed's own exit code proves nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aegisdb.errors import BadInput, Failed
from aegisdb.postgres.quoting import quote_ident

if TYPE_CHECKING:
    from aegisdb.postgres.connection import Connection

_PART = r'"(?:[^"\0]|"")+"|[^."\0]+'
_NAME = re.compile(rf"({_PART})(?:\.({_PART}))?")


def read_name(name: str) -> str:
    """`fills` name with its parts quoted letter by letter: `oilgas.Well` is `"oilgas"."Well"`.

    Raises:
        BadInput: not TABLE or SCHEMA.TABLE; said before a seed runs, not after.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise BadInput(
            f"`fills` has a name that is not a table's: {name!r}", hint="write TABLE or SCHEMA.TABLE", code="name"
        )
    return ".".join(part if part.startswith('"') else quote_ident(part) for part in found.groups() if part)


def find_table(conn: Connection, name: str, schema: str | None = None) -> str | None:
    """The table's name as SQL takes it, None when there is none.

    `name` is read as PostgreSQL reads it (`skills`, `oilgas."Well"`), else letter by letter (`oilgas.Well`). Without
    a schema of its own it is first looked for in the service's `schema`.
    """
    exact = read_name(name)
    candidates = [name, exact]
    if schema and "." not in exact:
        candidates = [f"{quote_ident(schema)}.{name}", f"{quote_ident(schema)}.{exact}", *candidates]
    for candidate in candidates:
        found = conn.value(
            "SELECT pg_catalog.format('%%I.%%I', n.nspname, c.relname) FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(%s)",
            (candidate,),
        )
        if found:
            return str(found)
    return None


def count_rows(conn: Connection, tables: tuple[str, ...], schema: str | None = None) -> dict[str, int]:
    """Rows of each table that exists."""
    counts = {}
    for name in tables:
        if table := find_table(conn, name, schema):
            counts[name] = int(conn.value(f"SELECT count(*) FROM {table}"))  # noqa: S608  quoted by format('%I')
    return counts


def require_filled(counts: dict[str, int], tables: tuple[str, ...], what: str) -> None:
    """Refuse to believe a seed whose tables are missing or empty.

    Raises:
        Failed: code `seed_no_table` or `seed_no_rows`.
    """
    for name in tables:
        if name not in counts:
            raise Failed(
                f"{what} ended without an error, but its table {name} does not exist",
                hint="apply the revision that makes it (invoke migrate.apply), or correct `fills:` in services.yaml",
                code="seed_no_table",
            )
        if counts[name] == 0:
            raise Failed(
                f"{what} ended without an error, but {name} is empty in this database: it swallowed an error,"
                " did not commit, or wrote to another database",
                code="seed_no_rows",
            )


def describe(counts: dict[str, int]) -> str:
    """`skills 12, agents 0`, or that nothing is known."""
    return ", ".join(f"{name} {rows}" for name, rows in counts.items()) or "unknown (the seed declares no `fills:`)"
