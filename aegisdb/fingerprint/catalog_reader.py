"""Reads a fingerprint from the catalog: a few queries in one snapshot, names always qualified."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from aegisdb.errors import StatementFailed
from aegisdb.fingerprint.facts import Fingerprint
from aegisdb.postgres.quoting import quote_literal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from aegisdb.postgres.connection import Connection

Row = tuple[Any, ...]

HALVES = (
    ("tables", "columns", "constraints", "indexes", "types", "routines", "operators", "text_search"),
    ("attached", "database", "comments", "other_comments", "grants", "other_grants", "age_graphs"),
)
"""Files of `catalog/`, in two parts that take about as long."""
PARTS = ("tables", "columns", "constraints", "indexes", "attached", "comments", "grants")
"""Families whose texts each belong to one relation."""
ON_RELATIONS = "on relations"
"""All of PARTS, where they are read together."""
OFTEN_EMPTY = frozenset({"types", "routines", "operators", "text_search"})
"""Families that `census.sql` knows about; all in the first part."""
_NEEDS = {**{kind: kind for kind in OFTEN_EMPTY}, "age_graphs": "age"}
_OF_RELATIONS = re.compile(r"\b(FROM|JOIN) relations r\b")
_WANTED = ",\nwanted AS MATERIALIZED (SELECT * FROM relations WHERE oid = ANY ($1))\n"
_ONLY_FOR = re.compile(r" -- (from|before) (\d+)")

BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
# an empty search_path makes PostgreSQL qualify every name; the rest keeps a session's taste out of constants and names
_SETTINGS = """
SELECT pg_catalog.set_config('search_path', '', true), pg_catalog.set_config('quote_all_identifiers', 'off', true),
    pg_catalog.set_config('timezone', 'UTC', true), pg_catalog.set_config('datestyle', 'ISO, YMD', true),
    pg_catalog.set_config('intervalstyle', 'postgres', true), pg_catalog.set_config('extra_float_digits', '1', true),
    pg_catalog.set_config('bytea_output', 'hex', true), pg_catalog.set_config('xmlbinary', 'base64', true),
    -- the planner knows little about the catalog and would look up each of a thousand rows by itself
    pg_catalog.set_config('enable_nestloop', 'off', true), pg_catalog.set_config('enable_hashjoin', 'on', true),
    pg_catalog.set_config('enable_mergejoin', 'off', true), pg_catalog.set_config('jit', 'off', true),
    pg_catalog.set_config('enable_indexonlyscan', 'off', true), -- rows are counted in the table itself more quickly
    {prepared},
    pg_catalog.current_setting('server_version_num')::int / 10000,
    EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'age')
"""
SETTINGS = _SETTINGS.format(prepared="ARRAY(SELECT name FROM pg_catalog.pg_prepared_statements)")
SETTINGS_AGAIN = _SETTINGS.format(prepared="'{}'::text[]")
"""Settings for a session whose prepared statements are known: listing them costs as much as all the rest."""
# few relations are looked up by their indexes, and planning would take longer than that
FOR_FEW = """SELECT set_config('enable_nestloop', 'on', true), set_config('enable_hashjoin', 'off', true),
    set_config('plan_cache_mode', 'force_generic_plan', true)"""
FOR_MANY = """SELECT set_config('enable_nestloop', 'off', true), set_config('enable_hashjoin', 'on', true),
    set_config('plan_cache_mode', 'auto', true)"""
_HERE = """
WITH held AS (
    SELECT relation AS oid FROM pg_locks
    WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted AND relation >= 16384
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
),
wanted AS (SELECT oid FROM held UNION SELECT to_regclass(name) FROM unnest(ARRAY[{names}]::text[]) name)
SELECT '{{' || coalesce(string_agg(oid::text, ','), '') || '}}', CASE
    WHEN count(*) <= {few} THEN true
    ELSE count(*) <= (SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f')) / {one_in} END
FROM wanted
"""
"""A transaction holds a lock on each relation that it makes, or changes otherwise than by GRANT."""
FEW = 50
"""Relations that are looked up one by one at any rate,"""
ONE_IN = 3
"""and so are more where they are at most one in this many."""
DROPPED_MEANWHILE = frozenset({"XX000", "42P01", "42704", "42883", "3F000"})
_ATTEMPTS = 3


def read(conn: Connection, beside: Connection | None = None) -> Fingerprint:
    """Read the fingerprint of the database that `conn` is on; `conn` must not be in a transaction.

    Nothing is locked against others. Where somebody drops objects meanwhile it reads again, three times at most.
    `beside` is a second session on a database that nobody else works on: two processes of the server read it then.

    Raises:
        StatementFailed: the catalog could not be read.
    """
    return of_rows(row for rows in read_families(conn, beside).values() for row in rows)


def read_families(conn: Connection, beside: Connection | None = None) -> dict[str, list[Row]]:
    """Read the rows that a fingerprint is made of, by the file of `catalog/` that gave them; else as `read`.

    Raises:
        BadInput: `old_server`: its catalog lacks what is asked.
    """
    conn.require_supported()
    for _ in range(_ATTEMPTS - 1):
        try:
            return _read_once(conn, beside)
        except StatementFailed as error:
            # pg_get_indexdef and its like see the newest catalog, not the snapshot
            if error.sqlstate not in DROPPED_MEANWHILE:
                raise
    return _read_once(conn, beside)


def statements_inside(relations: Collection[str], major: int) -> dict[str, Any]:
    """What reads, within a transaction that changes the schema, what it locked and these relations, on any session.

    "settings" come first and end with the transaction; the last column of their row is whether there is the extension
    age. "census" gives the families that have objects. "wanted" gives an array of relations, which stands in "parts"
    for $1, and whether they are few. "few" and "many" are what is set before such queries, "many" before the others.
    Each of "kinds" is a query and what it needs: a family, "age" or nothing. What is on no relation is read whole.
    """
    names = ", ".join(map(quote_literal, relations))
    kinds = [kind for half in HALVES for kind in half if kind not in PARTS]
    return {
        "settings": SETTINGS,
        "census": query("census", major),
        "wanted": _HERE.format(names=names, few=FEW, one_in=ONE_IN),
        "few": FOR_FEW,
        "many": FOR_MANY,
        "parts": parts(major),
        "kinds": [[query(kind, major), _NEEDS.get(kind, "")] for kind in kinds],
    }


@cache
def parts(major: int) -> str:
    """The query for all of PARTS, of the relations whose oids are in $1 alone."""
    preamble = query("_with", major).replace(" AS (", " AS NOT MATERIALIZED (")
    # one statement: of few relations each costs as much to begin as to run
    texts = "\nUNION ALL\n".join(query(kind, major, whole=False) for kind in PARTS)
    return preamble + _WANTED + _OF_RELATIONS.sub(r"\1 wanted r", texts)


def of_rows(rows: Iterable[Sequence[Any]]) -> Fingerprint:
    """The fingerprint of the rows that its queries gave."""
    found = [*rows]
    return Fingerprint(
        {key: _one_line(facts) for key, facts, _ in found},
        {key: relation for key, _, relation in found if relation},
    )


def _read_once(conn: Connection, beside: Connection | None) -> dict[str, list[Row]]:
    first, second = HALVES
    if beside is None:
        return _read_kinds(conn, (*first, *second))
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(_read_kinds, beside, second)
        return _read_kinds(conn, first) | other.result()


def _read_kinds(conn: Connection, kinds: Sequence[str]) -> dict[str, list[Row]]:
    """The rows of these files, in one snapshot."""
    try:
        # as few messages as can be: a proof reads a hundred times, and each takes as long as some of the queries
        *_, names, major, with_age = conn.results([BEGIN, SETTINGS])[1][0]
        known = set(names)
        left_out = set() if with_age else {"age_graphs"}
        if not OFTEN_EMPTY.isdisjoint(kinds):
            census = conn.results([prepared(conn, "census", major, known)])[0]
            left_out |= OFTEN_EMPTY - {family for (family,) in census}
        wanted = [kind for kind in kinds if kind not in left_out]
        found = conn.results([*(prepared(conn, kind, major, known) for kind in wanted), "COMMIT"])
    except BaseException:
        if not conn.closed:
            conn.execute("ROLLBACK")
        raise
    return dict(zip(wanted, found, strict=False))  # COMMIT has nothing


def prepared(conn: Connection, kind: str, major: int, known: set[str]) -> str:
    """The statement that gives the rows of a kind; planning costs as much as reading a small schema: once a session.

    `known` are the names of statements that the session has prepared; this one is added.
    """
    if not conn.prepares:
        return f"SELECT * FROM (\n{query(kind, major)}\n) q"  # noqa: S608  a query of ours
    name = f"aegisdb_fingerprint_{kind}"
    if name not in known:
        conn.execute(f"PREPARE {name} AS {query(kind, major)}")
        known.add(name)
    return f"EXECUTE {name}"


def _one_line(facts: str) -> str:
    if "\n" not in facts and "\\" not in facts and "\r" not in facts:
        return facts
    return facts.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


@cache
def query(kind: str, major: int, *, whole: bool = True) -> str:
    """The query for one file of `catalog/`, without the lines that are for other versions of PostgreSQL."""
    catalog = files("aegisdb.fingerprint.catalog")
    text = (catalog / f"{kind}.sql").read_text()
    if whole and kind not in {"census", "_with", "rows"}:
        text = (catalog / "_with.sql").read_text() + text
    return "\n".join(line for line in text.splitlines() if _is_for(line, major))


def _is_for(line: str, major: int) -> bool:
    return all(
        major >= int(version) if bound == "from" else major < int(version) for bound, version in _ONLY_FOR.findall(line)
    )
