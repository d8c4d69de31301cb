"""Where a connection goes, how it fails, and that nothing of a password shows."""

from __future__ import annotations

import os
import socket
import threading
import time
from dataclasses import replace

import psycopg
import pytest

from aegisdb.errors import AegisError, Busy, StatementFailed, Unreachable
from aegisdb.postgres.address import Address, Secret
from aegisdb.postgres.client import Client
from aegisdb.postgres.connection import Connection, connect
from tests.postgres_server import PASSWORD, TestServer
from tests.running import eventually


@pytest.fixture
def silent_port() -> int:
    """A TCP port that accepts and then says nothing."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    accepted: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                accepted.append(listener.accept()[0])
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    return int(listener.getsockname()[1])


def test_identity_survives_a_rename_and_differs_in_a_copy(server: TestServer, database: Address) -> None:
    with connect(database) as conn:
        before = conn.identity()
    renamed, copy = f"{database.database}_r", f"{database.database}_c"
    with psycopg.connect(server.address.url(), autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{database.database}" RENAME TO "{renamed}"'.encode())
        admin.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{renamed}"'.encode())
        try:
            with connect(database.with_database(renamed)) as conn:
                after = conn.identity()
            with connect(database.with_database(copy)) as conn:
                copied = conn.identity()
        finally:
            admin.execute(f'DROP DATABASE "{copy}"'.encode())
            admin.execute(f'ALTER DATABASE "{renamed}" RENAME TO "{database.database}"'.encode())
    assert after.key == before.key
    assert copied.key != before.key
    assert copied.system_identifier == before.system_identifier
    assert (after.host, after.port) == ("127.0.0.1", server.address.port)


@pytest.mark.parametrize("client", ["psql", "psycopg"])
def test_a_name_that_goes_to_another_database_meanwhile_leads_there(
    server: TestServer, database: Address, client: str
) -> None:
    """As `db.reset` and `db.restore` do beside us; PostgreSQL 18 refuses who waited for the lock of the former one."""
    opens = Client(lambda: server.bindir).connect if client == "psql" else connect
    live, beside, former = (f"{database.database}{tail}" for tail in ("", "_b", "_f"))
    found: list[str] = []

    def look() -> None:
        with opens(database, timeout=20) as conn:
            found.append(conn.value("SELECT current_setting('my.name')"))

    with psycopg.connect(server.address.url(), autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{beside}"'.encode())
        admin.execute(f"ALTER DATABASE \"{beside}\" SET my.name = 'the new one'".encode())
        try:
            with admin.transaction():
                admin.execute(f'ALTER DATABASE "{live}" RENAME TO "{former}"'.encode())
                admin.execute(f'ALTER DATABASE "{beside}" RENAME TO "{live}"'.encode())
                looking = threading.Thread(target=look)
                looking.start()
                with psycopg.connect(server.address.url(), autocommit=True) as other:
                    waits = b"SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = 'object'"
                    assert eventually(lambda: other.execute(waits).fetchone() is not None)
            looking.join(20)
        finally:
            for old, new in ((live, beside), (former, live)):
                admin.execute(f'ALTER DATABASE "{old}" RENAME TO "{new}"'.encode())
            admin.execute(f'DROP DATABASE "{beside}" WITH (FORCE)'.encode())
    assert found == ["the new one"]


def test_a_missing_database_has_its_own_code(server: TestServer) -> None:
    with pytest.raises(Unreachable) as caught:
        connect(server.address.with_database("nowhere"))
    assert (caught.value.code, caught.value.hint) == ("no_database", "invoke db.prepare")


@pytest.mark.parametrize("change", [{"password": Secret("C4n%a@r/y2")}, {"user": "nobody_of_that_name"}])
def test_a_refused_login_is_unreachable_without_the_password(server: TestServer, change: dict[str, object]) -> None:
    with pytest.raises(Unreachable) as caught:
        connect(replace(server.address, **change))  # type: ignore[arg-type]  # fields of two types
    assert caught.value.code == "login"
    assert "C4n" not in str(caught.value)


def test_a_closed_port_is_one_line(server: TestServer) -> None:
    with pytest.raises(Unreachable) as caught:
        connect(replace(server.address, port=1))
    assert "\n" not in caught.value.message
    assert "127.0.0.1:1" in caught.value.message
    assert "db.up" not in caught.value.hint  # it starts no server that a URL names
    with pytest.raises(Unreachable) as caught:
        connect(replace(server.address, port=1, ours=True))
    assert caught.value.hint == "invoke db.up"


def test_a_silent_port_ends_in_five_seconds(server: TestServer, silent_port: int) -> None:
    began = time.monotonic()
    with pytest.raises(Unreachable) as caught:
        connect(replace(server.address, port=silent_port))
    assert time.monotonic() - began < 60  # the fault is hanging for ever; 5 s and what a busy machine adds
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("PGHOSTADDR", "127.0.0.9"), ("PGSERVICE", "nowhere"), ("PGOPTIONS", "-c search_path=elsewhere"), ("PGPORT", "1")],
)
def test_variables_of_libpq_do_not_count(
    database: Address, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with connect(database) as conn:
        assert conn.identity().database == database.database
        assert "elsewhere" not in str(conn.value("SHOW search_path"))
    assert os.environ[name] == value  # the person's own environment stays


def test_a_failed_statement_tells_sqlstate_and_hides_passwords(database: Address) -> None:
    with connect(database) as conn, pytest.raises(StatementFailed) as caught:
        conn.execute(f"CREATE ROLE x PASSWORD '{PASSWORD}' nonsense")
    assert caught.value.sqlstate == "42601"
    assert PASSWORD not in caught.value.statement + caught.value.message
    assert "PASSWORD ***" in caught.value.statement


def test_a_lock_is_busy(database: Address) -> None:
    with connect(database) as conn, connect(database) as other:
        conn.execute("CREATE TABLE held (i int)")
        with conn.transaction():
            conn.execute("LOCK TABLE held")
            other.execute("SET lock_timeout = '50ms'")
            with pytest.raises(Busy) as caught:
                other.rows("SELECT * FROM held")
    assert caught.value.code == "lock_not_available"


def test_a_killed_session_is_unreachable(database: Address) -> None:
    with connect(database) as conn, connect(database) as other:
        other.execute(f"SELECT pg_terminate_backend({conn.backend_pid})")
        with pytest.raises(Unreachable) as caught:
            conn.rows("SELECT 1")
    assert caught.value.code == "lost"


def test_a_transaction_rolls_back_with_its_body(database: Address) -> None:
    def body(conn: Connection) -> None:
        with conn.transaction():
            conn.execute("CREATE TABLE gone (i int)")
            raise AegisError("stop")

    with connect(database) as conn:
        with pytest.raises(AegisError):
            body(conn)
        assert conn.value("SELECT to_regclass('gone')") is None


@pytest.mark.parametrize("password", [PASSWORD, "p@ss/w#rd[1]%41", "it's \\ \" $x `y`"])
def test_any_password_works_when_it_is_encoded(server: TestServer, password: str) -> None:
    login = replace(server.address, user="oddly", password=Secret(password))
    with connect(server.address) as conn:
        conn.execute("DROP ROLE IF EXISTS oddly")
        conn.execute("CREATE ROLE oddly LOGIN PASSWORD '" + password.replace("'", "''") + "'")
        try:
            with connect(Address.from_url(login.url())) as other:
                assert other.value("SELECT current_user") == "oddly"
        finally:
            conn.execute("DROP ROLE oddly")
