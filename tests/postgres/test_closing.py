"""--disconnect ends sessions that come back at once; a database that was left closed is seen and opened again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import psycopg
import pytest

from aegisdb.postgres import closing, databases
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.postgres.locks import replacing_lock
from aegisdb.postgres.quoting import quote_ident
from tests.running import running
from tests.workflows.project import Project


@contextmanager
def pool(address: Address, size: int = 3) -> Iterator[list[int]]:
    """Sessions that come back at once, as those of asyncpg's pools do; the list counts them."""
    over, began = threading.Event(), [0]

    def keep() -> None:
        while not over.is_set():
            with suppress(psycopg.Error), psycopg.connect(address.url(), autocommit=True) as conn:
                began[0] += 1
                while not over.is_set():
                    conn.execute("SELECT pg_sleep(0.05)")

    threads = [threading.Thread(target=keep) for _ in range(size)]
    for thread in threads:
        thread.start()
    try:
        yield began
    finally:
        over.set()
        for thread in threads:
            thread.join()


def is_open(address: Address) -> bool:
    with databases.maintenance(address) as conn:
        return not closing.is_abandoned(conn, address) and bool(
            conn.value("SELECT datallowconn FROM pg_database WHERE datname = %s", (address.database,))
        )


def test_a_pool_that_comes_back_stops_no_reset_restore_or_snapshot(shop: Project) -> None:
    assert shop.invoke("db.reset").code == 0
    with pool(shop.address) as began:
        for words in (("db.reset",), ("db.snapshot", "one"), ("db.restore", "one")):
            ran = shop.invoke(*words, "--disconnect")
            assert ran.code == 0, f"{words}: {ran.err}"
            assert is_open(shop.address)
    assert began[0] > 3
    assert shop.text() == "fresh"
    with connect(shop.address.with_database(f"{shop.address.database}__snap_before-restore")) as conn:
        assert conn.value("SELECT current_setting('aegisdb.closed', true)") in {None, ""}


@pytest.mark.parametrize("words", [("migrate.status",), ("migrate.apply",), ("db.snapshot", "two"), ("db.status",)])
def test_a_command_waits_while_another_has_closed_the_database(shop: Project, words: tuple[str, ...]) -> None:
    """It ended with 7 and advised to open the database that is just being copied."""
    assert shop.invoke("db.prepare").code == 0
    with ExitStack() as stack:
        with (
            replacing_lock(shop.address, wait=10, command="db.snapshot"),
            databases.maintenance(shop.address) as conn,
            closing.closed(conn, shop.address.database, by="db.snapshot"),
        ):
            if words == ("migrate.apply",):
                at_once = shop.invoke(*words, "--lock-wait", "0")
                assert at_once.code == 4
                assert "is locked by db.snapshot" in at_once.err
            ran = stack.enter_context(running(shop.root, *words, env=shop.env))
            time.sleep(1.5)  # a command that begins later finds it open
        _, err = ran.communicate(timeout=100)
        assert ran.returncode == 0, err


def test_a_database_that_somebody_else_has_closed_is_told_at_once(shop: Project) -> None:
    assert shop.invoke("db.prepare").code == 0
    database = quote_ident(shop.address.database)
    with databases.maintenance(shop.address) as conn:
        conn.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
        try:
            told = shop.invoke("migrate.status")
        finally:
            conn.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")
    assert told.code == 7
    assert "accepts no connections" in told.err


def test_without_the_flag_the_hint_names_it(shop: Project) -> None:
    shop.invoke("db.reset")
    shop.invoke("db.snapshot", "one")
    with connect(shop.address, application="the app"):
        for words in (("db.snapshot", "two", "--lock-wait", "0"), ("db.restore", "one")):
            ran = shop.invoke(*words)
            assert ran.code == 4, ran.err
            assert "the app" in ran.last
            assert "--disconnect" in ran.last


def left_closed(shop: Project) -> None:
    name = shop.address.database
    with databases.maintenance(shop.address) as conn:
        conn.execute(f"ALTER DATABASE {name} SET {closing.SETTING} = 'db.reset'")
        conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")


def test_a_database_left_closed_is_told_and_opened(shop: Project) -> None:
    shop.invoke("db.reset")
    left_closed(shop)
    ran = shop.invoke("migrate.status")
    assert ran.code == 7
    assert "error[closed]" in ran.last
    assert "doctor --fix" in ran.last
    assert "closed" in shop.invoke("doctor").out
    assert not is_open(shop.address)
    shop.invoke("doctor", "--fix")
    assert is_open(shop.address)
    left_closed(shop)
    ran = shop.invoke("db.reset")
    assert ran.code == 0, ran.err
    assert is_open(shop.address)


def test_settings_privileges_and_limit_survive_a_reset(shop: Project) -> None:
    shop.invoke("db.reset")
    name, role = shop.address.database, f"r_{shop.address.database}"
    with databases.maintenance(shop.address) as conn:
        conn.execute(f"CREATE ROLE {role}")
        conn.execute(f"ALTER DATABASE {name} SET search_path = public, side")
        conn.execute(f"ALTER ROLE {role} IN DATABASE {name} SET work_mem = '7MB'")
        conn.execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
        conn.execute(f"GRANT CONNECT ON DATABASE {name} TO {role}")
        conn.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 42")
    assert shop.invoke("db.reset").code == 0
    with connect(shop.address) as conn:
        assert conn.value("SHOW search_path") == "public, side"
        sql = "SELECT datconnlimit, datacl::text FROM pg_database WHERE datname = current_database()"
        ((limit, acl),) = conn.rows(sql)
        settings = conn.rows(
            "SELECT setconfig FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = setrole JOIN pg_database d"
            " ON d.oid = setdatabase WHERE rolname = %s AND datname = current_database()",
            (role,),
        )
    assert (limit, settings) == (42, [(["work_mem=7MB"],)])
    assert f"{role}=c/" in acl
    assert "{=c" not in acl
    with databases.maintenance(shop.address) as conn:
        for each in shop.databases():
            conn.execute(f'REVOKE ALL ON DATABASE "{each}" FROM {role}')
            conn.execute(f'ALTER ROLE {role} IN DATABASE "{each}" RESET ALL')
        conn.execute(f"DROP ROLE {role}")
