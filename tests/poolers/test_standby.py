"""A hot standby, alone and behind pgpool-II: readers read, writers are told where the primary is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.poolers.conftest import rows
from tests.poolers.programs import hot_standby, pgpool
from tests.poolers.test_pgbouncer import READERS, WRITERS, codes, typed
from tests.postgres_server import TestServer, start_server
from tests.running import eventually


@pytest.fixture(scope="module")
def primary() -> Iterator[TestServer]:
    """A server of this module's own."""
    running = start_server()
    yield running
    running.stop()


@pytest.fixture
def database(primary: TestServer) -> Iterator[Address]:
    """A database on it."""
    with psycopg.connect(primary.address.url(), autocommit=True) as conn:
        conn.execute("CREATE DATABASE followed")
        yield primary.address.with_database("followed")
        conn.execute("DROP DATABASE followed WITH (FORCE)")


def test_readers_read_and_writers_are_refused(shop: Path, database: Address, primary: TestServer) -> None:
    assert invoke("migrate.apply", cwd=shop).code == 0
    with hot_standby(primary) as standby:
        follower = replace(database, port=standby.address.port)
        assert eventually(lambda: rows(follower, "SELECT to_regclass('shop_items')") == [("shop_items",)])
        words: tuple[str, ...]
        for words in READERS:
            ran = typed(shop, follower, *words)
            assert ran.code == 0, (words, ran.err)
        status = typed(shop, follower, "db.status", "--format", "json").json["result"]
        assert status["route"] == f"a standby; its primary is 127.0.0.1:{primary.address.port}"
        for words in (*WRITERS, ("db.snapshot", "x")):
            if words == ("migrate.apply",):
                continue  # nothing is pending
            ran = typed(shop, follower, *words, "--format", "json")
            assert codes(ran) == (3, ["standby"]), (words, ran.err)
            assert f"127.0.0.1:{primary.address.port}" in ran.last
        with psycopg.connect(database.url(), autocommit=True) as conn:
            conn.execute("DELETE FROM alembic_version_shop WHERE version_num = 'a2'")
            conn.execute("INSERT INTO alembic_version_shop VALUES ('a1')")
        assert eventually(lambda: rows(follower, "TABLE alembic_version_shop") == [("a1",)])
        ran = typed(shop, follower, "migrate.apply", "--format", "json")
        assert codes(ran) == (3, ["standby"]), ran.err


def test_pgpool_whose_standby_lags_is_refused_where_something_is_decided(
    shop: Path, database: Address, primary: TestServer
) -> None:
    with hot_standby(primary, delay=3600) as standby, pgpool(primary, standby) as address:
        pooler = address.with_database(database.database)
        assert invoke("migrate.apply", cwd=shop).code == 0  # the standby has nothing of it
        shown = typed(shop, pooler, "db.status", "--format", "json")
        assert (shown.code, shown.json["result"]["route"]) == (0, "through pgpool-II"), shown.err
        words: tuple[str, ...]
        for words in (("migrate.status",), *WRITERS):
            ran = typed(shop, pooler, *words, "--format", "json")
            assert codes(ran) == (3, ["shared_session"]), (words, ran.err)
        for words in (("migrate.status", "--check"), ("migrate.apply",), ("migrate.reapply", "--service", "shop")):
            ran = typed(shop, pooler, *words, direct=database)
            assert ran.code == 0, (words, ran.err)
