"""Reads a fingerprint from the catalog: a few queries in one snapshot, names always qualified."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from aegisdb.errors import StatementFailed
from aegisdb.fingerprint.facts import Fingerprint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aegisdb.postgres.connection import Connection

_HALVES = (
    ("tables", "columns", "constraints", "indexes", "types", "routines", "operators", "text_search"),
    ("attached", "database", "comments", "grants", "age_graphs"),
)
"""Files of `catalog/`, in two parts that take about as long."""
_OFTEN_EMPTY = frozenset({"types", "routines", "operators", "text_search"})
"""Families that `census.sql` knows about; all in the first part."""
_ONLY_FOR = re.compile(r" -- (from|before) (\d+)")

_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
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


def read(conn: Connection, beside: Connection | None = None) -> Fingerprint:
    """Read the fingerprint of the database that `conn` is on; `conn` must not be in a transaction.

    Nothing is locked against others. Where somebody drops objects meanwhile it reads again, three times at most.
    `beside` is a second session on a database that nobody else works on: two processes of the server read it then.

    Raises:
        StatementFailed: the catalog could not be read.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return _read_once(conn, beside)
        except StatementFailed as error:
            # pg_get_indexdef and its like see the newest catalog, not the snapshot
            if error.sqlstate not in _DROPPED_MEANWHILE:
                raise
    return _read_once(conn, beside)


def _read_once(conn: Connection, beside: Connection | None) -> Fingerprint:
    first, second = _HALVES
    if beside is None:
        rows = _read_kinds(conn, (*first, *second))
    else:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(_read_kinds, beside, second)
            rows = _read_kinds(conn, first) + other.result()
    return Fingerprint(
        {key: _one_line(facts) for key, facts, _ in rows},
        {key: relation for key, _, relation in rows if relation},
    )


def _read_kinds(conn: Connection, kinds: Sequence[str]) -> list[tuple[Any, ...]]:
    """The rows of these files, in one snapshot."""
    try:
        # as few messages as can be: a proof reads a hundred times, and each takes as long as some of the queries
        *_, prepared, major, with_age = conn.results([_BEGIN, _SETTINGS])[1][0]
        left_out = set() if with_age else {"age_graphs"}
        if not _OFTEN_EMPTY.isdisjoint(kinds):
            census = conn.results([_prepared(conn, "census", major, prepared)])[0]
            left_out |= _OFTEN_EMPTY - {family for (family,) in census}
        wanted = [_prepared(conn, kind, major, prepared) for kind in kinds if kind not in left_out]
        found = conn.results([*wanted, "COMMIT"])
    except BaseException:
        if not conn.closed:
            conn.execute("ROLLBACK")
        raise
    return [row for rows in found for row in rows]


def _prepared(conn: Connection, kind: str, major: int, known: Sequence[str]) -> str:
    """The statement that executes the query of a kind: planning costs as much as reading a small schema."""
    name = f"aegisdb_fingerprint_{kind}"
    if name not in known:
        conn.execute(f"PREPARE {name} AS {_query(kind, major)}")
    return f"EXECUTE {name}"


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
