"""The sessions of a run: begun before somebody asks for them, passed on, or of psycopg."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from aegisdb.errors import Busy, Unreachable
from aegisdb.postgres.address import Address, Secret
from aegisdb.postgres.client import Client
from aegisdb.postgres.databases import maintenance
from aegisdb.postgres.locks import replacing_lock
from aegisdb.servers.wheels import server_directory
from tests.running import eventually

_MINE = """
    SELECT pid, application_name FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()"""


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client(server_directory)
    yield made
    made.close()


def _sessions(database: Address) -> list[tuple[int, str]]:
    with psycopg.connect(database.url()) as admin:
        return admin.execute(_MINE).fetchall()


def test_who_asks_gets_the_session_that_was_begun(client: Client, database: Address) -> None:
    client.prefetch(database)
    assert eventually(lambda: bool(_sessions(database)))
    ((pid, _),) = _sessions(database)
    with client.connect(database, application="aegisdb: who asks") as found:
        assert found.backend_pid == pid
        assert _sessions(database) == [(pid, "aegisdb: who asks")]
        with client.connect(database, application="the next") as other:
            assert other.backend_pid != pid


def test_a_session_that_is_left_is_the_next_ones(client: Client, database: Address) -> None:
    first = client.connect(database, application="one")
    pid = first.backend_pid
    client.release(first)
    with client.connect(database, application="two") as found:
        assert (found.backend_pid, _sessions(database)) == (pid, [(pid, "two")])


def test_one_is_taken_only_for_the_same_database_and_login(client: Client, database: Address) -> None:
    client.prefetch(database.with_database("postgres"))
    with client.connect(database, application="here") as found:
        assert found.value("SELECT current_database()") == database.database
    client.prefetch(database)
    wrong = replace(database, password=Secret("not this one"))
    with pytest.raises(Unreachable) as caught:
        client.connect(wrong, application="wrong")
    assert caught.value.code == "login"


def test_what_is_wrong_is_told_to_who_asks(client: Client, database: Address) -> None:
    missing = database.with_database("not_there")
    client.prefetch(missing)  # says nothing
    with pytest.raises(Unreachable) as caught:
        client.connect(missing, application="who asks")
    assert caught.value.code == "no_database"


def test_one_that_was_ended_meanwhile_is_replaced(client: Client, database: Address) -> None:
    client.prefetch(database)
    assert eventually(lambda: bool(_sessions(database)))
    ((pid, _),) = _sessions(database)
    with psycopg.connect(database.url(), autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", (pid,))
    with client.connect(database, application="who asks") as found:
        assert found.value("SELECT 1") == 1
        assert found.backend_pid != pid


def test_those_that_nobody_asked_for_end(client: Client, database: Address) -> None:
    client.prefetch(database)
    assert eventually(lambda: bool(_sessions(database)))
    client.close()
    assert eventually(lambda: not _sessions(database))


def test_those_that_wait_are_told_by_their_server_process(client: Client, database: Address) -> None:
    client.prefetch(database)
    client.prefetch(database)
    (pid,) = client.waiting(database)
    assert [pid] == [one for one, _ in _sessions(database)]
    with psycopg.connect(database.url(), autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", (pid,))
    client.connect(database).close()
    assert client.waiting(database) == []


def test_psycopg_serves_where_psql_may_not(database: Address) -> None:
    client = Client()
    client.prefetch(database)
    assert not _sessions(database)
    session = client.connect(database, application="by psycopg")
    assert [name for _, name in _sessions(database)] == ["by psycopg"]
    client.release(session)
    assert session.closed


def test_one_that_is_not_taken_is_in_nobodys_way_who_waits_for_a_lock(client: Client, database: Address) -> None:
    client.prefetch(database)
    with (
        replacing_lock(database, wait=1, command="first"),
        pytest.raises(Busy),
        maintenance(database, client=client) as conn,
        replacing_lock(database, wait=0, command="second", conn=conn, client=client),
    ):
        pass
    assert eventually(lambda: not _sessions(database))
