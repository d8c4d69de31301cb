"""A hot standby, alone and behind pgpool-II: readers read, writers are told where the primary is."""

from __future__ import annotations

import json
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


KEPT = """
CREATE TABLE IF NOT EXISTS kept (id int PRIMARY KEY DEFAULT 1);
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'kept for ever'; END $$;
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON kept FOR EACH ROW EXECUTE FUNCTION keep();
"""


def give_base(shop: Path, database: Address, proofs: Address) -> None:
    """Let the registry have a base schema whose triggers refuse something, and a target for proofs."""
    (shop / "base.sql").write_text(KEPT)
    registry = json.loads((shop / "services.yaml").read_text())
    registry["database"]["init"] = ["base.sql"]
    registry["targets"]["proofs"] = {"url": proofs.url(), "proof": "proofs"}
    (shop / "services.yaml").write_text(json.dumps(registry))
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute(KEPT.encode())


def test_readers_read_and_writers_are_refused(
    shop: Path, database: Address, primary: TestServer, server: TestServer
) -> None:
    give_base(shop, database, server.address.with_database("proofs"))
    assert [invoke(words, cwd=shop).code for words in ("migrate.apply", "deploy.apply")] == [0, 0]
    with hot_standby(primary) as standby:
        follower = replace(database, port=standby.address.port)
        assert eventually(lambda: rows(follower, "SELECT to_regclass('run_count')") == [("run_count",)])
        words: tuple[str, ...]
        for words in READERS:
            ran = typed(shop, follower, *words)
            assert ran.code == 0, (words, ran.err)
        status = typed(shop, follower, "db.status", "--format", "json").json["result"]
        assert status["route"] == f"a standby; its primary is 127.0.0.1:{primary.address.port}"
        elsewhere = {"DATABASE_URL": follower.url(), "AEGIS_PROOF": "proofs"}
        verified = invoke("db.verify", "--format", "json", cwd=shop, env=elsewhere)
        assert verified.code == 0, verified.err
        checks = [check for check in verified.json["result"]["checks"] if check["what"].isupper()]
        assert [check["what"] for check in checks] == ["UPDATE", "DELETE"]
        assert {(check["state"], check["detail"]) for check in checks} == {("untried", "the server is a standby")}
        for words in (("migrate.roundtrip", "--all"), ("service.owners",), ("migrate.plan",)):
            ran = invoke(*words, cwd=shop, env=elsewhere)
            assert ran.code == 0, (words, ran.err)
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
        for words in (("migrate.status",), ("deploy.status",), *WRITERS):
            ran = typed(shop, pooler, *words, "--format", "json")
            assert codes(ran) == (3, ["shared_session"]), (words, ran.err)
        for words in (("migrate.status", "--check"), ("migrate.apply",), ("migrate.reapply", "--service", "shop")):
            ran = typed(shop, pooler, *words, direct=database)
            assert ran.code == 0, (words, ran.err)
