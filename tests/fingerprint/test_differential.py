"""Whenever `pg_dump --schema-only` differs, the fingerprint differs; when it does not, neither does the fingerprint.

Whenever the fingerprint differs, so does what the catalogs say (`fingerprint.alike`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from aegisdb.fingerprint import Fingerprint, diff, read
from aegisdb.fingerprint.alike import catalogs
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import Connection, connect
from tests.fingerprint.corpus import FAMILIES, Case
from tests.fingerprint.oracle import dump
from tests.postgres_server import BIN, TestServer

ROLE = "DO $$ BEGIN CREATE ROLE corpus_role; EXCEPTION WHEN duplicate_object THEN NULL; END $$"


def _prepare(conn: Connection, number: int, sql: str, family: str) -> None:
    conn.execute(f"SET search_path = c{number}, public")
    if sql:
        conn.execute(sql.replace("{u}", f"{family}{number}").replace("{s}", f"c{number}"))


def disagreements(address: Address, family: str, cases: Iterable[Case], bindir: Path) -> list[str]:
    """Run the cases one after another and list those about which pg_dump and the fingerprint disagree.

    Where the catalogs say the same as at any time before, the fingerprint must be the one of that time.
    """
    found: list[str] = []
    said: dict[str, Fingerprint] = {}
    with connect(address) as conn, connect(address) as reader:
        major = conn.identity().server_version // 10000
        wanted = [case for case in cases if case.since <= major < case.before]
        conn.execute(ROLE)
        for number, case in enumerate(wanted):
            conn.execute(f"CREATE SCHEMA c{number}")
            _prepare(conn, number, case.setup, family)
        dump_before, before = dump(address, bindir), read(reader)
        said[catalogs(reader)] = before
        for number, case in enumerate(wanted):
            _prepare(conn, number, case.sql, family)
            dump_after, after = dump(address, bindir), read(reader)
            seen_by_dump, seen = dump_before != dump_after, diff(before, after)
            if (seen_by_dump != bool(seen)) != bool(case.differs) or bool(seen) != (before.digest != after.digest):
                found.append(f"{case.sql}: pg_dump differs {seen_by_dump}, fingerprint {[str(c) for c in seen]}")
            if said.setdefault(catalogs(reader), after) != after:
                found.append(f"{case.sql}: the catalogs say what they said when the fingerprint was another")
            dump_before, before = dump_after, after
        for (name,) in conn.rows("SELECT subname FROM pg_subscription"):
            conn.execute(f"DROP SUBSCRIPTION {name}")  # it would keep the database from being dropped
    return found


def test_the_corpus_is_big_enough() -> None:
    assert sum(map(len, FAMILIES.values())) >= 120


@pytest.mark.parametrize("family", FAMILIES)
def test_the_fingerprint_agrees_with_pg_dump(database: Address, family: str) -> None:
    assert disagreements(database, family, FAMILIES[family], BIN) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_the_fingerprint_agrees_with_pg_dump_on_postgresql_15(older: TestServer, family: str) -> None:
    with connect(older.address) as conn:
        conn.execute(f"CREATE DATABASE {family}")
    assert disagreements(older.address.with_database(family), family, FAMILIES[family], older.bindir) == []
