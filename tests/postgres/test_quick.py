"""A quick session sees what a connection sees, and fails in the same words."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

from aegisdb.errors import AegisError, Busy, StatementFailed, Unreachable
from aegisdb.postgres.address import Address, Secret
from aegisdb.postgres.connection import connect
from aegisdb.postgres.quick import Reader, glance
from aegisdb.servers.binaries import wheel_directory
from tests.postgres_server import PASSWORD

BINDIR = wheel_directory()


def test_rows_are_those_of_a_connection(database: Address) -> None:
    queries: tuple[tuple[str, tuple[object, ...]], ...] = (
        ("SELECT 1, 'a', true, NULL, 9007199254740993", ()),
        ("SELECT n, repeat(E'x\\n\"', n) FROM generate_series(1, 3) n ORDER BY n DESC", ()),
        ("SELECT %s, %s", ("it's; \\ % here", 7)),
        ("SELECT 1 WHERE false", ()),
        ("SELECT x FROM unnest(%s::text[]) x", (["a", "b'c", '"'],)),
        ("SELECT 'a', 'b' -- a remark", ()),
    )
    with connect(database) as full, glance(database, bindir=BINDIR) as quick:
        for sql, params in queries:
            assert quick.rows(sql, params) == full.rows(sql, params), sql
        assert quick.value("SELECT 5 WHERE false") is None
        assert quick.value("SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()")


def test_it_cannot_write(database: Address) -> None:
    with glance(database, bindir=BINDIR) as quick:
        with pytest.raises(StatementFailed) as caught:
            quick.execute("CREATE TABLE t (id int)")
        assert quick.rows("SELECT 1") == [(1,)]
    assert caught.value.sqlstate == "25006"


def _both(look: Callable[[Reader], object], address: Address) -> tuple[AegisError, AegisError]:
    with pytest.raises(AegisError) as slow, connect(address, timeout=5) as full:
        look(full)
    with pytest.raises(AegisError) as fast, glance(address, bindir=BINDIR) as quick:
        look(quick)
    return slow.value, fast.value


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"port": 1}, "unreachable"),
        ({"database": "no such database"}, "no_database"),
        ({"password": Secret("wrong")}, "login"),
        ({"user": "nobody-of-that-name"}, "login"),
    ],
)
def test_it_fails_to_connect_in_the_same_words(database: Address, change: dict[str, object], code: str) -> None:
    slow, fast = _both(lambda conn: conn.rows("SELECT 1"), replace(database, **change))  # type: ignore[arg-type]
    assert isinstance(fast, Unreachable)
    assert (fast.message, fast.hint, fast.code) == (slow.message, slow.hint, slow.code)
    assert fast.code == code


@pytest.mark.parametrize("sql", ["SELECT * FROM nothing_here", "SELECT 1/0", "SELECT 'x'::int"])
def test_a_statement_fails_in_the_same_words(database: Address, sql: str) -> None:
    slow, fast = _both(lambda conn: conn.rows(sql), database)
    assert isinstance(fast, StatementFailed)
    assert isinstance(slow, StatementFailed)
    assert (fast.message, fast.sqlstate, fast.statement) == (slow.message, slow.sqlstate, slow.statement)


def test_a_locked_table_is_busy(database: Address) -> None:
    with psycopg.connect(database.url()) as blocker, glance(database, bindir=BINDIR) as quick:
        blocker.execute("CREATE TABLE locked (id int)")
        blocker.commit()
        blocker.execute("LOCK TABLE locked")
        quick.execute("SET lock_timeout = '50ms'")
        with pytest.raises(Busy) as caught:
            quick.rows("SELECT * FROM locked")
    assert caught.value.code == "lock_not_available"


def test_a_session_that_the_server_ends_is_told(database: Address) -> None:
    with glance(database, bindir=BINDIR) as quick, psycopg.connect(database.url(), autocommit=True) as admin:
        pid = quick.value("SELECT pg_backend_pid()")
        admin.execute("SELECT pg_terminate_backend(%s)", (pid,))
        with pytest.raises(AegisError):
            quick.rows("SELECT 1")


def test_the_password_is_in_no_argument_and_no_variable(database: Address) -> None:
    with glance(database, bindir=BINDIR) as quick:
        quick.rows("SELECT 1")
        shown = subprocess.run(["ps", "axeww"], capture_output=True, text=True, check=True).stdout
        psqls = [line for line in shown.splitlines() if "-v VERBOSITY=verbose -f -" in line]
    assert psqls
    assert not [line for line in psqls if PASSWORD in line]
