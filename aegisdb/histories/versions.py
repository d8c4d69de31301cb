"""Where the database is: the rows of all version tables in one query, never blocked for long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.postgres.quoting import quote_ident, quote_literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aegisdb.histories.revisions import History
    from aegisdb.postgres.connection import Connection

LOCK_TIMEOUT = "3s"
"""How long a look waits for somebody who locks a version table."""


def read_versions(conn: Connection, histories: Iterable[History]) -> dict[str, tuple[str, ...]]:
    """Applied rows by service; a missing version table is an empty tuple.

    Raises:
        Busy: somebody holds a lock on a version table.
    """
    listed = list(histories)
    names = {h.service: _qualified(h) for h in listed}
    conn.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    present = _present(conn, names)
    parts = [
        f"SELECT {quote_literal(service)}, version_num::text FROM {names[service]}"  # noqa: S608  names are quoted
        for service in names
        if service in present
    ]
    found: dict[str, tuple[str, ...]] = dict.fromkeys(names, ())
    for service, revision in conn.rows(" UNION ALL ".join(parts) + " ORDER BY 1, 2") if parts else ():
        found[service] = (*found[service], revision)
    return found


def _present(conn: Connection, names: dict[str, str]) -> set[str]:
    if not names:
        return set()
    values = ", ".join(f"({quote_literal(s)}, {quote_literal(n)})" for s, n in names.items())
    sql = f"SELECT service FROM (VALUES {values}) AS t (service, name) WHERE to_regclass(name) IS NOT NULL"  # noqa: S608  literals are quoted
    return {row[0] for row in conn.rows(sql)}


def _qualified(history: History) -> str:
    table = quote_ident(history.version_table)
    return f"{quote_ident(history.schema)}.{table}" if history.schema else table
