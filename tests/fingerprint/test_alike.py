"""Databases that are alike get one fingerprint, whatever their OIDs are; others get their own.

That what the catalogs say differs whenever the fingerprint does is looked for in `test_differential.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

import pytest

from aegisdb.fingerprint import Alike, diff, read
from aegisdb.fingerprint import alike as module
from aegisdb.fingerprint.alike import catalogs
from aegisdb.fingerprint.catalog_reader import HALVES
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import Connection, connect
from tests.fingerprint.corpus import FAMILIES
from tests.fingerprint.test_differential import ROLE, _prepare

_SUBSCRIPTIONS = """
SELECT subname FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_COLUMNS = """
SELECT DISTINCT attname::text FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r' AND attnum > 0
"""
_WHOLE = {"operators", "text_search", "database", "age_graphs"}
"""Families that are read as they are wherever there is anything of them."""
_TOLD_OTHERWISE = {
    *("relname", "proname", "typname", "amname", "opcname", "opcnamespace", "spcname"),  # names, told by the server
    "atthasdef",  # there is a default
    *("label", "provider", "fdwname", "fdwowner", "fdwacl", "srvname", "srvowner", "srvacl"),  # read whole with these
    "data",  # no column in `other_grants.sql`
}
TABLE = "CREATE TABLE t (id int PRIMARY KEY, a int, b text)"


@pytest.fixture
def two(database: Address) -> Iterator[tuple[Connection, Connection]]:
    """Sessions on two databases, the second of which counts its OIDs from elsewhere."""
    other = database.with_database(f"{database.database}_other")
    with connect(database) as first:
        first.execute(f'CREATE DATABASE "{other.database}"')
        try:
            with connect(other) as second:
                second.execute("CREATE TABLE burnt (id serial PRIMARY KEY); DROP TABLE burnt")
                yield first, second
                _without_subscriptions(second)
            _without_subscriptions(first)
        finally:
            first.execute(f'DROP DATABASE "{other.database}" WITH (FORCE)')


def _without_subscriptions(conn: Connection) -> None:
    """Drop those of this database, which they would keep from being dropped."""
    for (name,) in conn.rows(_SUBSCRIPTIONS):
        conn.execute(f"DROP SUBSCRIPTION {name}")


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_built_alike_is_alike(two: tuple[Connection, Connection], family: str) -> None:
    major = two[0].identity().server_version // 10000
    cases = [*enumerate(case for case in FAMILIES[family] if case.since <= major < case.before)]
    two[0].execute(ROLE)
    for conn in two:
        for number, case in cases:
            conn.execute(f"CREATE SCHEMA c{number}")
            _prepare(conn, number, case.setup, "alike")
        for number, case in cases:
            _prepare(conn, number, case.sql, "alike")
    assert catalogs(two[0]) == catalogs(two[1]), [str(change) for change in diff(*map(read, two))]


def test_one_of_those_that_are_alike_is_read_in_full(two: tuple[Connection, Connection]) -> None:
    seen = Alike()
    for conn in two:
        conn.execute(TABLE)
    assert seen.read(two[0]) == seen.read(two[1]) == read(two[1])
    assert seen.whole == 1
    two[1].execute("ALTER TABLE t ADD c int")
    assert seen.read(two[1]) == read(two[1])
    assert seen.whole == 2
    two[1].execute("ALTER TABLE t DROP c")
    assert seen.read(two[1]) == read(two[0])
    assert seen.whole == 2, "it says again what it said before"


def test_what_changes_while_it_is_read_is_not_kept(database: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Alike()
    with connect(database) as conn, connect(database) as writer:

        def changed(found: Connection) -> object:
            writer.execute(TABLE)
            return read(found)

        with monkeypatch.context() as patched:
            patched.setattr(module, "read", changed)
            assert "table public.t" in seen.read(conn).facts
        writer.execute("DROP TABLE t")
        assert "table public.t" not in seen.read(conn).facts


def test_few_are_kept(database: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 1)
    seen = Alike()
    with connect(database) as conn:
        for statement in (TABLE, "DROP TABLE t", TABLE):
            conn.execute(statement)
            assert seen.read(conn) == read(conn)
    assert seen.whole == 3


def _words(file: str) -> set[str]:
    lines = (files("aegisdb.fingerprint.catalog") / f"{file}.sql").read_text().splitlines()
    return {word for line in lines for word in re.findall(r"[a-z]\w+", line.partition("-- ")[0])}


def test_every_column_that_a_fingerprint_reads_is_read(database: Address) -> None:
    kinds = {kind for half in HALVES for kind in half} - _WHOLE
    with connect(database) as conn:
        columns = {name for (name,) in conn.rows(_COLUMNS)}
    read_by_it = set().union(*map(_words, ("_with", *kinds))) & columns
    assert read_by_it - _words("rows") <= _TOLD_OTHERWISE
