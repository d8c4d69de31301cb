"""PgBouncer in each mode, an application beside: what can be done is done, the rest is refused and touches nothing."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from aegisdb.errors import Busy
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from tests.invoke import Ran, invoke
from tests.poolers.application import application
from tests.poolers.conftest import nothing_held, rows
from tests.poolers.programs import pgbouncer
from tests.postgres_server import TestServer, start_server

READERS = (
    ("migrate.status",),
    ("migrate.history",),
    ("migrate.log",),
    ("db.status",),
    ("deploy.status",),
    ("seed.list",),
)
WRITERS = (
    ("migrate.apply",),
    ("migrate.reapply", "--service", "shop"),
    ("migrate.rollback", "--service", "shop"),
    ("migrate.stamp", "--service", "shop", "--revision", "a1"),
    ("migrate.resolve", "--service", "shop", "--applied"),
    ("deploy.apply",),
    ("seed.run",),
)


def typed(shop: Path, pooler: Address, *words: str, direct: Address | None = None) -> Ran:
    """Run a task on the database that the pooler leads to."""
    env = {"DATABASE_URL": pooler.url()} | ({"DATABASE_URL_DIRECT": direct.url()} if direct else {})
    return invoke(*words, cwd=shop, env=env)


def codes(ran: Ran) -> tuple[int, list[str]]:
    return ran.code, [error["code"] for error in ran.json["errors"]]


def test_readers_leave_nothing_in_shared_sessions(shop: Path, database: Address, shared: Address) -> None:
    pooler = shared.with_database(database.database)
    with application(pooler):
        for words in READERS:
            ran = typed(shop, pooler, *words)
            assert ran.code == 0, (words, ran.err)
    status = typed(shop, pooler, "db.status", "--format", "json").json["result"]
    assert status["route"] == "through a pooler that shares sessions"
    assert nothing_held(database)


def test_writers_are_refused_in_shared_sessions_and_touch_nothing(
    shop: Path, database: Address, shared: Address
) -> None:
    pooler = shared.with_database(database.database)
    with application(pooler):
        for words in WRITERS:
            ran = typed(shop, pooler, *words, "--format", "json")
            assert codes(ran) == (3, ["shared_session"]), (words, ran.err)
            assert "DATABASE_URL_DIRECT" in ran.last
            assert "direct_url" in ran.last
    tables = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    assert rows(database, tables) == [("app_writes",)]
    assert rows(database, "SELECT to_regnamespace('aegisdb')") == [(None,)]
    assert nothing_held(database)


def test_the_direct_address_serves_all_beside_an_application_on_the_pooler(
    shop: Path, database: Address, shared: Address
) -> None:
    pooler = shared.with_database(database.database)
    with application(pooler):
        for words in (("migrate.apply",), ("migrate.reapply", "--service", "shop"), ("deploy.apply",), ("seed.run",)):
            ran = typed(shop, pooler, *words, direct=database)
            assert ran.code == 0, (words, ran.err)
        assert typed(shop, pooler, "db.url", direct=database).out.strip() == pooler.url()
        assert typed(shop, pooler, "migrate.status", "--check", direct=database).code == 0
    assert rows(database, "SELECT count(*) FROM run_count") == [(1,)]
    assert nothing_held(database)


def test_a_direct_address_of_another_database_is_refused(shop: Path, database: Address, shared: Address) -> None:
    pooler = shared.with_database(database.database)
    other = database.with_database("postgres")
    for words in WRITERS:
        ran = typed(shop, pooler, *words, "--format", "json", direct=other)
        assert codes(ran) == (3, ["two_databases"]), (words, ran.err)
    assert rows(other, "SELECT to_regnamespace('aegisdb')") == [(None,)]


def test_a_pooler_that_keeps_sessions_serves_writers(shop: Path, database: Address, keeping: Address) -> None:
    pooler = keeping.with_database(database.database)
    with application(pooler):
        for words in (("migrate.apply",), ("migrate.reapply", "--service", "shop"), ("deploy.apply",), ("seed.run",)):
            ran = typed(shop, pooler, *words)
            assert ran.code == 0, (words, ran.err)
        status = typed(shop, pooler, "db.status", "--format", "json").json["result"]
        assert status["route"] == "through a pooler that keeps sessions"
    assert nothing_held(database)


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_what_makes_databases_is_refused_at_once(
    shop: Path, database: Address, shared: Address, keeping: Address, mode: str
) -> None:
    pooler = {"transaction": shared, "session": keeping}[mode].with_database(database.database)
    with application(pooler):
        for words in (("db.snapshot", "x"), ("db.reset",), ("db.restore", "x")):
            ran = typed(shop, pooler, *words, "--format", "json")
            assert ran.code in {2, 3}, (words, ran.err)
    assert rows(
        database, "SELECT count(*) FROM pg_database WHERE starts_with(datname, current_database() || '__')"
    ) == [(0,)]


def test_statement_mode_is_named(shop: Path, server: TestServer, database: Address) -> None:
    with pgbouncer(server, "statement") as address:
        pooler = address.with_database(database.database)
        with application(pooler):
            for words in (("migrate.status",), ("db.status",), *WRITERS):
                ran = typed(shop, pooler, *words, "--format", "json")
                assert codes(ran) == (3, ["shared_session"]), (words, ran.err)


def test_a_pooler_that_lists_one_database_under_another_name(shop: Path, server: TestServer, database: Address) -> None:
    with pgbouncer(server, "session", alias={"app": database.database}) as address:
        pooler = address.with_database("app")
        shown = typed(shop, pooler, "db.status", "--format", "json")
        assert (shown.code, shown.json["result"]["state"]) == (0, "up"), shown.err
        assert typed(shop, pooler, "migrate.apply").code == 0
        assert typed(shop, pooler, "migrate.status", "--check").code == 0
        snapshot = typed(shop, pooler, "db.snapshot", "x", "--format", "json")
        assert codes(snapshot) == (7, ["no_database"]), snapshot.err
        assert "let the pooler list it" in snapshot.last
        assert "db.reset" not in snapshot.last
        missing = typed(shop, address.with_database("nope"), "db.status", "--format", "json")
        assert codes(missing) == (7, ["no_database"]), missing.err
    assert nothing_held(database)


def test_a_pool_that_is_too_small_says_so(shop: Path, server: TestServer, database: Address) -> None:
    with pgbouncer(server, "session", default_pool_size=1) as address:
        ran = typed(shop, address.with_database(database.database), "migrate.apply", "--format", "json")
    assert codes(ran) == (3, ["pool_size"]), ran.err
    assert rows(database, "SELECT to_regclass('shop_items')") == [(None,)]


def test_a_parameter_that_the_pooler_does_not_pass_on_is_bad_input(
    shop: Path, database: Address, keeping: Address
) -> None:
    pooler = replace(keeping.with_database(database.database), parameters=(("options", "-cwork_mem=7MB"),))
    for words in (("migrate.status",), ("db.status",), ("migrate.apply",), ("deploy.apply",)):
        ran = typed(shop, pooler, *words, "--format", "json")
        assert codes(ran) == (2, ["url"]), (words, ran.err)
        assert "options" in ran.last


def test_a_server_that_died_behind_a_pooler_is_told_within_seconds(shop: Path) -> None:
    behind = start_server()
    try:
        with pgbouncer(behind, "session") as address:
            assert typed(shop, address, "migrate.status").code == 0  # the pooler has seen the server alive
            behind.halt("fast")
            for words in (("migrate.status",), ("db.status",), ("migrate.apply",), ("deploy.status",)):
                began = time.monotonic()
                ran = typed(shop, address, *words, "--format", "json")
                assert codes(ran) == (7, ["unreachable"]), (words, ran.err)
                assert "no server answers behind it" in ran.last
                assert time.monotonic() - began < 20  # 5 s of waiting; the rest is Python's start on a busy machine
    finally:
        behind.stop()


def test_doctor_tells_the_route_and_leaves_nothing(shop: Path, database: Address, shared: Address) -> None:
    pooler = shared.with_database(database.database)
    assert invoke("migrate.apply", cwd=shop).code == 0
    env = {"DATABASE_URL": pooler.url(), "AEGIS_PROOF": "local"}
    with application(pooler):
        ran = invoke("doctor", "--format", "json", cwd=shop, env=env)
    told = {finding["check"]: finding["what"] for finding in ran.json["result"]["findings"]}
    assert told["route"] == "target env is reached through a pooler that shares sessions"
    assert nothing_held(database)


def test_a_look_waits_briefly_for_a_lock_without_a_trace(database: Address, shared: Address) -> None:
    pooler = shared.with_database(database.database)
    with connect(database) as maker:
        maker.execute("CREATE TABLE held (n int)")
    with psycopg.connect(database.url()) as holder, connect(pooler) as conn:
        holder.execute("LOCK TABLE held")
        conn.wait_briefly()
        with pytest.raises(Busy):
            conn.rows("TABLE held")
        assert conn.value("SHOW transaction_read_only") == "on"  # each look is a transaction of its own
    with psycopg.connect(pooler.url(), autocommit=True) as conn_of_others:
        for name in ("lock_timeout", "default_transaction_read_only", "client_min_messages"):
            (value,) = conn_of_others.execute(f"SELECT current_setting('{name}')".encode()).fetchone() or ("",)
            assert value == {"lock_timeout": "0", "default_transaction_read_only": "off"}.get(name, "notice")
