"""Where the database is: the rows of all version tables in one query, never blocked for long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.errors import Busy
from aegisdb.postgres.quoting import quote_ident, quote_literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aegisdb.postgres.connection import Connection
    from aegisdb.revisions.history import History

_LOCKERS = """
SELECT t.name, a.pid, a.application_name, a.state,
       extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.backend_start))::int
  FROM unnest(%s::text[]) AS t (name)
  JOIN pg_locks l ON l.relation = to_regclass(t.name) AND l.granted AND l.mode = 'AccessExclusiveLock'
  JOIN pg_stat_activity a USING (pid)
"""
# the server knows a thousand names in an array in half of the time that VALUES take
_PRESENT = """
SELECT place FROM unnest(%s::text[]) WITH ORDINALITY AS t (name, place) WHERE to_regclass(name) IS NOT NULL
"""


def read_versions(conn: Connection, histories: Iterable[History]) -> dict[str, tuple[str, ...]]:
    """Applied rows by service; a missing version table is an empty tuple.

    Raises:
        Busy: somebody holds a lock on a version table.
    """
    listed = list(histories)
    names = {h.service: _qualified(h) for h in listed}
    found: dict[str, tuple[str, ...]] = dict.fromkeys(names, ())
    try:
        with conn.looking():
            rows = _rows(conn, names)
    except Busy as error:
        raise Busy(_locked(conn, list(names.values())), hint=error.hint, code=error.code) from None
    for service, revision in rows:
        found[service] = (*found[service], revision)
    return found


def _rows(conn: Connection, names: dict[str, str]) -> list[tuple[Any, ...]]:
    present = _present(conn, names)
    parts = [
        f"SELECT {quote_literal(service)}, version_num::text FROM {names[service]}"  # noqa: S608  names are quoted
        for service in names
        if service in present
    ]
    return conn.rows(" UNION ALL ".join(parts) + " ORDER BY 1, 2") if parts else []


def _locked(conn: Connection, names: list[str]) -> str:
    seen = [
        f"{name} by pid {pid} ({application or 'no name'}, {state}, for {age} s)"
        for name, pid, application, state, age in conn.rows(_LOCKERS, (names,))
    ]
    return f"a version table is locked: {', '.join(seen) or 'nobody holds it any more'}"


def _present(conn: Connection, names: dict[str, str]) -> set[str]:
    listed = list(names)
    found = conn.rows(_PRESENT, (list(names.values()),)) if names else []
    return {listed[place - 1] for (place,) in found}


def _qualified(history: History) -> str:
    table = quote_ident(history.version_table)
    return f"{quote_ident(history.schema)}.{table}" if history.schema else table
