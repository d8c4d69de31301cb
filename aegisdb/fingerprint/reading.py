"""Reads a fingerprint from the catalog: a few queries in one snapshot, names always qualified."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from aegisdb.errors import StatementFailed
from aegisdb.fingerprint.types import Fingerprint

if TYPE_CHECKING:
    from aegisdb.postgres.connection import Connection

_KINDS = (
    "tables",
    "columns",
    "constraints",
    "indexes",
    "attached",
    "types",
    "routines",
    "operators",
    "text_search",
    "database",
    "comments",
    "grants",
)
_OFTEN_EMPTY = frozenset({"types", "routines", "operators", "text_search"})
"""Those that `census.sql` knows about."""
_ONLY_FOR = re.compile(r" -- (from|before) (\d+)")

# an empty search_path makes PostgreSQL qualify every name; the rest keeps a session's taste out of constants and names
_SETTINGS = """
SELECT set_config('search_path', '', true), set_config('quote_all_identifiers', 'off', true),
    set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO, YMD', true),
    set_config('intervalstyle', 'postgres', true), set_config('extra_float_digits', '1', true),
    set_config('bytea_output', 'hex', true), set_config('xmlbinary', 'base64', true),
    -- the planner knows little about the catalog and would look up each of a thousand rows by itself
    set_config('enable_nestloop', 'off', true), set_config('enable_mergejoin', 'off', true),
    set_config('jit', 'off', true),
    ARRAY(SELECT name FROM pg_prepared_statements),
    current_setting('server_version_num')::int / 10000,
    EXISTS (SELECT FROM pg_extension WHERE extname = 'age')
"""
_DROPPED_MEANWHILE = frozenset({"XX000", "42P01", "42704", "42883", "3F000"})
_ATTEMPTS = 3


def read(conn: Connection) -> Fingerprint:
    """Read the fingerprint of the database that `conn` is on; `conn` must not be in a transaction.

    Nothing is locked against others. Where somebody drops objects meanwhile it reads again, three times at most.

    Raises:
        StatementFailed: the catalog could not be read.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return _read_once(conn)
        except StatementFailed as error:
            # pg_get_indexdef and its like see the newest catalog, not the snapshot
            if error.sqlstate not in _DROPPED_MEANWHILE:
                raise
    return _read_once(conn)


def _read_once(conn: Connection) -> Fingerprint:
    rows: list[tuple[Any, ...]] = []
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        *_, prepared, major, with_age = conn.rows(_SETTINGS)[0]
        there = {family for (family,) in _rows_of(conn, "census", major, prepared)}
        for kind in (*_KINDS, *(["age_graphs"] if with_age else [])):
            if kind in there or kind not in _OFTEN_EMPTY:
                rows += _rows_of(conn, kind, major, prepared)
    return Fingerprint(
        {key: _one_line(facts) for key, facts, _ in rows},
        {key: relation for key, _, relation in rows if relation},
    )


def _rows_of(conn: Connection, kind: str, major: int, prepared: list[str]) -> list[tuple[Any, ...]]:
    # planning costs as much as reading a small schema, and a roundtrip reads on one connection many times
    name = f"aegisdb_fingerprint_{kind}"
    if name not in prepared:
        conn.execute(f"PREPARE {name} AS {_query(kind, major)}")
    return conn.rows(f"EXECUTE {name}")


def _one_line(facts: str) -> str:
    if "\n" not in facts and "\\" not in facts and "\r" not in facts:
        return facts
    return facts.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


@cache
def _query(kind: str, major: int) -> str:
    """The query for one file of `catalog/`, without the lines that are for other versions of PostgreSQL."""
    catalog = files("aegisdb.fingerprint.catalog")
    text = (catalog / f"{kind}.sql").read_text()
    if kind != "census":
        text = (catalog / "_with.sql").read_text() + text
    return "\n".join(line for line in text.splitlines() if _is_for(line, major))


def _is_for(line: str, major: int) -> bool:
    return all(
        major >= int(version) if bound == "from" else major < int(version) for bound, version in _ONLY_FOR.findall(line)
    )
