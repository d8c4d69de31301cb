"""Proofs on the server of a bare DATABASE_URL: where `db.prepare` began with nothing and nobody else is there."""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres import databases, markers
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.postgres.neighbours import is_empty
from tests.invoke import Ran, invoke
from tests.monorepo import Rev, write_revision
from tests.postgres_server import TestServer, start_server
from tests.workflows.project import Project, project

NOTED = "databases for proofs may stand beside it"
NOT_NOTED = "its comment has no note that db.prepare began it"
PROOF = ("migrate.roundtrip", "--service", "shop")
SAID = "will make databases for proofs on target env:"


@pytest.fixture(scope="module")
def alone() -> Iterator[TestServer]:
    """A plain server that nobody else uses."""
    running = start_server()
    yield running
    running.stop()


@pytest.fixture
def empty(alone: TestServer, tmp_path: Path) -> Iterator[Project]:
    """A project whose database is there and empty; only DATABASE_URL names it, and there is no embedded target."""
    with _database(alone) as address, project(tmp_path, address, kind=None) as made:
        yield made


@contextmanager
def _database(server: TestServer) -> Iterator[Address]:
    """Without a session that stays on the server: it would be one of others."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    run(server.address, f"CREATE DATABASE {name}")
    yield server.address.with_database(name)
    run(server.address, f"DROP DATABASE {name} WITH (FORCE)")


def typed(made: Project, *words: str, address: Address | None = None, **variables: str) -> Ran:
    """A command with nothing but DATABASE_URL."""
    url = (address or made.address).url()
    return invoke(*words, cwd=made.root, env={"AEGIS_PROOF": "", "DATABASE_URL": url, **variables})


def run(address: Address, *statements: str) -> None:
    with psycopg.connect(address.url(), autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())


def refused(made: Project, why: str, *, address: Address | None = None, **variables: str) -> None:
    """A proof finds no place for its databases, for this reason, and says nothing of one."""
    ran = typed(made, *PROOF, address=address, **variables)
    assert (ran.code, "error[no_proof_server]" in ran.last) == (3, True), ran.err
    assert why in ran.last
    assert SAID not in ran.err


def test_an_empty_database_that_was_prepared(empty: Project) -> None:
    assert NOTED in typed(empty, "db.prepare").out
    proven = typed(empty, *PROOF)
    assert proven.code == 0, proven.err
    (line,) = [line for line in proven.err.splitlines() if SAID in line]
    assert "db.prepare found its database empty on 20" in line
    assert NOTED not in typed(empty, "db.prepare").out
    for words in (("db.reset", "--yes"), ("migrate.rollback", "--service", "shop", "--steps", "2", "--yes")):
        assert "error[shared]" in typed(empty, *words).last  # it makes nothing disposable


@pytest.mark.parametrize("by", ["an init file", "a revision"])
def test_a_comment_of_the_projects_own_takes_the_place_of_the_note(empty: Project, by: str) -> None:
    comment = "DO $$BEGIN EXECUTE format('COMMENT ON DATABASE %I IS ''the shop''', current_database()); END$$"
    if by == "a revision":
        revision = Rev(id="a3", up=f"op.execute({comment!r})", down="op.execute('SELECT 1')")
        write_revision(empty.root / "services/shop", revision, "a2")
    else:
        file = empty.root / "sql/base.sql"
        file.write_text(f"{file.read_text()}{comment};\n")
    prepared = typed(empty, "db.prepare")
    assert (prepared.code, NOTED in prepared.out) == (0, False), prepared.err
    refused(empty, NOT_NOTED)


def test_a_database_that_was_made(empty: Project) -> None:
    with databases.maintenance(empty.address) as conn:
        databases.drop(conn, empty.address.database)
    assert NOTED in typed(empty, "db.prepare").out
    proven = typed(empty, *PROOF)
    assert (proven.code, "db.prepare made its database on" in proven.err) == (0, True), proven.err


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE orders (id int)",
        "CREATE VIEW v AS SELECT 1",
        "CREATE TYPE mood AS ENUM ('sad')",
        "CREATE DOMAIN natural_number AS int",
        "CREATE SCHEMA billing",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SEQUENCE s",
        "SELECT lo_create(0)",
    ],
)
def test_what_makes_a_database_that_is_not_empty(database: Address, statement: str) -> None:
    with connect(database) as conn:
        conn.execute('CREATE EXTENSION "uuid-ossp"')  # as an image may have it
        assert is_empty(conn)
        conn.execute(statement)
        assert not is_empty(conn)


@pytest.mark.parametrize("before", ["migrate.apply", "a comment"])
def test_one_that_was_in_use_is_not_noted(empty: Project, before: str) -> None:
    if before == "a comment":
        run(empty.address, f"COMMENT ON DATABASE {empty.address.database} IS 'ours'")
    else:
        assert typed(empty, before).code == 0
    prepared = typed(empty, "db.prepare")
    assert (prepared.code, NOTED in prepared.out) == (0, False), prepared.err
    refused(empty, NOT_NOTED)


def test_what_speaks_against_it_later(empty: Project, alone: TestServer) -> None:
    assert typed(empty, "db.prepare").code == 0
    with _database(alone) as other:
        refused(empty, f"other databases are on its server: {other.database}")
    run(alone.address, "CREATE TABLE precious (id int)")
    refused(empty, "'postgres' of its server is in use")
    run(alone.address, "DROP TABLE precious")
    with psycopg.connect(empty.address.url()):
        refused(empty, "session(s) of other applications, such as")
    with psycopg.connect(alone.address.url()):
        refused(empty, "1 session(s) of other applications are on its server")
    run(alone.address, "SELECT pg_create_physical_replication_slot('standby')")
    refused(empty, "1 replication slot(s)")
    run(alone.address, "SELECT pg_drop_replication_slot('standby')", "CREATE ROLE rdsadmin")
    refused(empty, "rdsadmin")
    run(alone.address, "DROP ROLE rdsadmin")
    refused(empty, "AEGIS_ENV is production", AEGIS_ENV="production")
    run(empty.address, f"ALTER DATABASE {empty.address.database} SET aegisdb.environment = 'production'")
    refused(empty, "production marker")
    run(empty.address, f"ALTER DATABASE {empty.address.database} RESET aegisdb.environment")
    proven = typed(empty, *PROOF)
    assert (proven.code, SAID in proven.err) == (0, True), proven.err


def test_a_note_that_came_with_a_copy(empty: Project) -> None:
    assert typed(empty, "db.prepare").code == 0
    name = empty.address.database
    with databases.maintenance(empty.address) as conn:
        databases.clone(conn, name, f"{name}_copy")  # carries the comment along
        databases.drop(conn, name)
        databases.rename(conn, f"{name}_copy", name)
        assert markers.read_marker(conn, name) is not None
    refused(empty, NOT_NOTED)


def test_a_role_that_may_make_no_databases(empty: Project) -> None:
    role, name = f"ci_{uuid.uuid4().hex[:8]}", empty.address.database
    run(
        empty.address,
        f"CREATE ROLE {role} LOGIN PASSWORD 'C4n%a@r/y'",
        f"ALTER DATABASE {name} OWNER TO {role}",
        f"GRANT CREATE ON SCHEMA public TO {role}",
    )
    ours = replace(empty.address, user=role)
    try:
        assert NOTED in typed(empty, "db.prepare", address=ours).out
        refused(empty, f"role {role} may not create databases", address=ours)
    finally:
        run(empty.address, f"REASSIGN OWNED BY {role} TO aegis", f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_through_a_tunnel_that_ends_on_its_machine(empty: Project) -> None:
    assert typed(empty, "db.prepare").code == 0
    with _relay(empty.address.port) as port:
        refused(empty, "a tunnel or a relay", address=replace(empty.address, port=port))


@contextmanager
def _relay(port: int) -> Iterator[int]:
    """As `ssh -L` and `kubectl port-forward` do: whoever relays speaks to the server from its own machine."""
    listening = socket.create_server(("127.0.0.1", 0))

    def copy(source: socket.socket, sink: socket.socket) -> None:
        while data := _received(source):
            sink.sendall(data)
        for one in (source, sink):
            one.close()

    def serve() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", port))
            for pair in ((client, server), (server, client)):
                threading.Thread(target=copy, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield listening.getsockname()[1]
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def _received(source: socket.socket) -> bytes:
    try:
        return source.recv(65536)
    except OSError:  # the other direction has ended
        return b""
