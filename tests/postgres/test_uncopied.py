"""What is in catalogs of the whole server goes before its database is dropped, and no copy is taken for whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aegisdb.errors import Busy
from aegisdb.postgres import databases, scratch
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.postgres.uncopied import uncopied
from tests.postgres_server import TestServer, start_server
from tests.running import eventually

SUBSCRIPTION = "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false)"
ENABLED = "ALTER SUBSCRIPTION s ENABLE"
SLOT = "SELECT pg_create_logical_replication_slot('a_slot', 'pgoutput')"
PREPARED = ("BEGIN", "CREATE TABLE half (id int)", "PREPARE TRANSACTION 'half done'")


@pytest.fixture(scope="module")
def replicating() -> Iterator[TestServer]:
    """A server where slots of logical replication and prepared transactions may be."""
    started = start_server()
    with connect(started.address) as admin:
        admin.execute("ALTER SYSTEM SET wal_level = logical")
        admin.execute("ALTER SYSTEM SET max_prepared_transactions = 5")
    started.halt("fast")
    started.resume()
    yield started
    started.stop()


@pytest.fixture
def live(replicating: TestServer) -> Iterator[Address]:
    with replicating.own_database("uncopied") as address:
        yield address
        with databases.maintenance(address) as conn:
            for (name,) in conn.rows("SELECT datname FROM pg_database WHERE starts_with(datname, 'uncopied')"):
                databases.drop(conn, name, force=True)


def _say(address: Address, *statements: str) -> None:
    with connect(address) as conn:
        for statement in statements:
            conn.execute(statement)


@pytest.mark.parametrize(
    ("statements", "named"),
    [
        ((SUBSCRIPTION,), ["subscription s"]),
        ((SUBSCRIPTION, ENABLED), ["subscription s"]),
        ((SLOT,), ["replication slot a_slot"]),
        (PREPARED, ["prepared transaction half done"]),
        (
            (SUBSCRIPTION, SLOT, *PREPARED),
            ["prepared transaction half done", "replication slot a_slot", "subscription s"],
        ),
    ],
)
@pytest.mark.parametrize("soon", ["", "soon"])
def test_no_scratch_database_stays(live: Address, statements: tuple[str, ...], named: list[str], soon: str) -> None:
    with databases.maintenance(live) as conn:
        with scratch.scratch(live, soon=bool(soon)) as made:
            _say(made, *statements)
            assert [str(one) for one in uncopied(conn, made.database)] == named
        assert eventually(lambda: not databases.exists(conn, made.database), 20)
        assert conn.value("SELECT count(*) FROM pg_replication_slots") == 0


def test_one_of_a_dead_maker_is_swept(live: Address) -> None:
    with databases.maintenance(live) as conn:
        with databases.maintenance(live) as dies:
            left = scratch.make(live, dies)
            _say(left, SUBSCRIPTION, *PREPARED)
        assert eventually(lambda: scratch.orphans(conn, live.database) == (left.database,))
        assert scratch.sweep(conn, live.database) == (left.database,)


def test_a_session_on_it_is_told_before_anything_of_it_ends(live: Address) -> None:
    with databases.maintenance(live) as conn, scratch.scratch(live) as made:
        _say(made, SUBSCRIPTION)
        with connect(made, application="somebody") as _, pytest.raises(Busy, match="somebody"):
            databases.drop(conn, made.database)
        assert [str(one) for one in uncopied(conn, made.database)] == ["subscription s"]


def test_settings_and_privileges_are_copied_and_so_not_named(live: Address) -> None:
    with databases.maintenance(live) as conn, scratch.scratch(live) as made:
        name = made.database
        for statement in (
            f"ALTER DATABASE {name} SET work_mem = '5MB'",
            f"ALTER ROLE aegis IN DATABASE {name} SET work_mem = '6MB'",
            f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC",
        ):
            conn.execute(statement)
        assert uncopied(conn, name) == ()
        with scratch.scratch(live, template=name) as copy:
            sql = """SELECT (SELECT count(*) FROM pg_db_role_setting s WHERE s.setdatabase = d.oid), d.datacl::text
                       FROM pg_database d WHERE d.datname = %s"""
            assert conn.rows(sql, (copy.database,)) == conn.rows(sql, (name,))
            assert conn.rows(sql, (copy.database,))[0][0] == 2
