"""What users make of operators and casts changes no query of ours: none leaves to them what `||` means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from aegisdb.fingerprint import read
from aegisdb.fingerprint.catalog_reader import BEGIN, HALVES, SETTINGS, query
from aegisdb.fingerprint.following import Follower
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from tests.fingerprint.test_catalog_reader import SCHEMA, run
from tests.invoke import invoke
from tests.models.test_lost_models import ITEM
from tests.monorepo import Rev, Svc, build_monorepo, table

_NUMBERS = ("smallint", "integer", "bigint", "oid", "xid")
_NAMES = ("class", "proc", "procedure", "operator", "collation", "namespace", "dictionary", "type", "role")
# as scripts give them that bring back what PostgreSQL 8.2 did: `'x' || 1` is not unique with them
CASTS = "".join(
    f"CREATE CAST ({kind} AS text) WITH INOUT AS IMPLICIT;\n"
    for kind in (*_NUMBERS, *(f"reg{name}" for name in _NAMES))
)
# each fits its operands better than the system's own
OPERATORS = """
CREATE FUNCTION public.joined(text, integer) RETURNS text LANGUAGE sql STABLE AS $$ SELECT concat($1, ' and ', $2) $$;
CREATE FUNCTION public.joined(text, name) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT concat($1, ' and ', $2) $$;
CREATE FUNCTION public.joined(name, text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT concat($1, ' and ', $2) $$;
CREATE OPERATOR public.|| (LEFTARG = text, RIGHTARG = integer, FUNCTION = public.joined);
CREATE OPERATOR public.|| (LEFTARG = text, RIGHTARG = name, FUNCTION = public.joined);
CREATE OPERATOR public.|| (LEFTARG = name, RIGHTARG = text, FUNCTION = public.joined);
CREATE FUNCTION public.extended(integer[], integer) RETURNS integer[] LANGUAGE sql IMMUTABLE
    AS $$ SELECT array_append($1, $2) $$;
CREATE OPERATOR pg_catalog.|| (LEFTARG = integer[], RIGHTARG = integer, FUNCTION = public.extended);
"""
KINDS = tuple(kind for half in HALVES for kind in half if kind != "age_graphs")


def rows(address: Address) -> set[tuple[Any, ...]]:
    """What each query of a fingerprint gives, also those that are left out where there is nothing to find."""
    with connect(address) as conn:
        major = conn.identity().server_version // 10000
        queries = [f"SELECT * FROM ({query(kind, major)}) q" for kind in KINDS]  # noqa: S608  ours
        found = conn.results([BEGIN, SETTINGS, *queries, "ROLLBACK"])[2:]
    return {row for kind in found for row in kind}


@pytest.mark.parametrize("made", [OPERATORS, CASTS], ids=["operators", "casts"])
def test_a_fingerprint_is_as_before(database: Address, made: str) -> None:
    run(database, SCHEMA)
    before = rows(database)
    run(database, made)
    run(database, f'ALTER DATABASE "{database.database}" SET search_path = public, pg_catalog')
    assert before - rows(database) == set()
    with connect(database) as conn, connect(database) as writer:
        follower = Follower(conn)
        follower.read()
        writer.execute("ALTER TABLE people ADD COLUMN nick text")
        assert follower.read() == read(writer)
        assert follower.quick == 1


def test_commands_work_as_before(tmp_path: Path, database: Address) -> None:
    revisions = (Rev(id="s1", up=table("shop_items"), down='op.drop_table("shop_items")'),)
    services = {"shop": Svc(revisions=revisions, models=ITEM)}
    root = build_monorepo(tmp_path, services, url=database.url(), init={"init.sql": OPERATORS + CASTS})
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute((OPERATORS + CASTS).encode())
    for words in (
        "migrate.apply",
        "migrate.status",
        "migrate.verify",
        "migrate.roundtrip --all",
        "migrate.new --service shop -m none",
        "migrate.rollback --service shop --yes",
        "migrate.plan",
        "migrate.sql --service shop",
        "migrate.apply",
        "service.owners",
        "db.status",
        "doctor",
    ):
        ran = invoke(*words.split(), cwd=root)
        assert ran.code == 0, (words, ran.out, ran.err)
