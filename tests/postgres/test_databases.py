"""Whole databases: what a clone carries over, and that a swap is all or nothing."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator

import pytest

from aegisdb.errors import Busy, StatementFailed
from aegisdb.postgres import databases
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import Connection, connect
from aegisdb.postgres.replacement import replace_live
from tests.postgres_server import TestServer


@pytest.fixture
def admin(server: TestServer) -> Iterator[Connection]:
    with connect(server.address) as conn:
        yield conn


@pytest.fixture
def names(admin: Connection) -> Iterator[list[str]]:
    """Three free names; what is made under them is dropped."""
    made = [f"t_{uuid.uuid4().hex[:12]}" for _ in range(3)]
    yield made
    for name in made:
        databases.drop(admin, name, force=True)


def test_a_clone_has_settings_privileges_comment_and_limit(admin: Connection, names: list[str]) -> None:
    source, copy, role = names[0], names[1], f"r_{names[2]}"
    databases.create(admin, source)
    admin.execute(f"""
        CREATE ROLE {role};
        ALTER DATABASE {source} SET search_path TO 'odd, name', "$user", public;
        ALTER DATABASE {source} SET work_mem TO '5MB';
        ALTER ROLE {role} IN DATABASE {source} SET "my.setting" TO 'it''s';
        REVOKE ALL ON DATABASE {source} FROM PUBLIC;
        GRANT CONNECT ON DATABASE {source} TO {role} WITH GRANT OPTION;
        ALTER DATABASE {source} CONNECTION LIMIT 7;
        COMMENT ON DATABASE {source} IS 'mine''s \\ best'""")
    facts = """SELECT datacl::text, datconnlimit, datdba, shobj_description(oid, 'pg_database'),
                      (SELECT array_agg((setrole, setconfig)::text ORDER BY setrole)
                         FROM pg_db_role_setting WHERE setdatabase = oid)
                 FROM pg_database WHERE datname = %s"""
    try:
        databases.clone(admin, source, copy)
        assert admin.rows(facts, (copy,)) == admin.rows(facts, (source,))
        assert "odd, name" in str(admin.rows(facts, (copy,)))
    finally:
        for name in (source, copy):
            databases.drop(admin, name)
        admin.execute(f"DROP ROLE {role}")


def test_a_clone_waits_for_sessions_to_end(admin: Connection, names: list[str], server: TestServer) -> None:
    databases.create(admin, names[0])
    session = connect(server.address.with_database(names[0]), application="app")
    timer = threading.Timer(1.0, session.close)
    timer.start()
    databases.clone(admin, names[0], names[1], wait=30)
    timer.join()
    assert databases.exists(admin, names[1])


def test_a_clone_of_a_used_database_names_who_uses_it(admin: Connection, names: list[str], server: TestServer) -> None:
    databases.create(admin, names[0])
    with connect(server.address.with_database(names[0]), application="the app"), pytest.raises(Busy) as caught:
        databases.clone(admin, names[0], names[1], wait=0)
    assert "the app" in caught.value.message
    assert not databases.exists(admin, names[1])


def test_replacing_drops_the_former_copy_and_carries_the_comment(admin: Connection, names: list[str]) -> None:
    live, new, kept = names
    databases.create(admin, live)
    admin.execute(f"COMMENT ON DATABASE {live} IS 'ours'")
    for _ in range(2):
        databases.create(admin, new)
        replace_live(admin, live, new, kept, {"branch": "main"})
    comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    assert admin.value(comment, (live,)) == "ours"
    assert '"branch": "main"' in str(admin.value(comment, (kept,)))
    like = admin.rows("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (f"{live}__",))
    assert like == []


def test_replacing_is_all_or_nothing(admin: Connection, names: list[str]) -> None:
    live, missing, kept = names
    databases.create(admin, live)
    before = databases_now(admin, names)
    with pytest.raises(StatementFailed):
        replace_live(admin, live, missing, kept, {})
    assert databases_now(admin, names) == before


def test_replacing_under_a_session_changes_nothing_and_names_it(
    admin: Connection, names: list[str], server: TestServer
) -> None:
    live, new, kept = names
    databases.create(admin, live)
    databases.create(admin, new)
    before = databases_now(admin, names)
    with connect(server.address.with_database(live), application="looker"), pytest.raises(Busy) as caught:
        replace_live(admin, live, new, kept, {})
    assert "looker" in caught.value.message
    assert databases_now(admin, names) == before


def databases_now(admin: Connection, names: list[str]) -> list[tuple[object, ...]]:
    return admin.rows("SELECT datname, oid FROM pg_database WHERE datname = ANY (%s) ORDER BY 1", (names,))


def test_dropping_a_used_database_needs_force(admin: Connection, database: Address) -> None:
    with connect(database, application="app"):
        with pytest.raises(Busy):
            databases.drop(admin, database.database)
        databases.drop(admin, database.database, force=True)
    assert not databases.exists(admin, database.database)
