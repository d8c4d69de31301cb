"""A second server plays production: however it is reached, every destructive task is refused and nothing changes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from aegisdb.fingerprint import read
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from tests.postgres_server import PASSWORD, start_server
from tests.workflows.project import Project, project

DESTRUCTIVE = (
    ("db.reset", "--yes"),
    ("db.reset", "--volumes", "--yes"),
    ("db.restore", "kept", "--yes"),
    ("db.down", "--volumes", "--yes"),
    ("migrate.stamp", "--service", "shop", "--revision", "a1", "--force", "--yes"),
    ("migrate.rollback", "--service", "shop", "--steps", "2", "--yes"),
)


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A migrated database with rows and a snapshot, on a server of its own."""
    server = start_server(password=PASSWORD)
    try:
        address = server.address.with_database("aegis")
        with connect(server.address) as conn:
            conn.execute("CREATE DATABASE aegis")
        with project(tmp_path_factory.mktemp("production"), address, kind=None) as made:
            made.write("precious")
            applied = made.invoke("migrate.apply")
            assert applied.code == 0, applied.err
            kept = made.invoke("db.snapshot", "kept")
            assert kept.code == 0, kept.err
            yield made
    finally:
        server.stop()


@pytest.fixture
def tunnel(production: Project) -> Iterator[int]:
    """A port on localhost that leads to the production server."""
    listener = socket.create_server(("127.0.0.1", 0))

    def carry(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:  # the other direction has ended both
            return

    def serve() -> None:
        while True:
            try:
                near = listener.accept()[0]
            except OSError:
                return
            far = socket.create_connection((production.address.host, production.address.port))
            opened.extend((near, far))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=carry, args=pair, daemon=True).start()

    opened: list[socket.socket] = []
    threading.Thread(target=serve, daemon=True).start()
    yield int(listener.getsockname()[1])
    for each in (listener, *opened):
        each.close()


def _state(address: Address) -> tuple[object, ...]:
    """Catalog, rows, versions and the server's list of databases."""
    with connect(address) as conn:
        return (
            read(conn).text,
            conn.rows("SELECT * FROM notes"),
            conn.rows("SELECT * FROM shop_items"),
            conn.rows("SELECT * FROM alembic_version_shop"),
            conn.rows("SELECT datname, oid FROM pg_database ORDER BY 1"),
        )


@pytest.mark.parametrize("words", DESTRUCTIVE, ids=" ".join)
@pytest.mark.parametrize("way", ["url", "tunnel"])
def test_every_destructive_task_is_refused(production: Project, tunnel: int, words: tuple[str, ...], way: str) -> None:
    before = _state(production.address)
    url = production.address.url()
    if way == "tunnel":
        url = url.replace(f"@127.0.0.1:{production.address.port}/", f"@localhost:{tunnel}/")
    ran = production.invoke(*words, env={"DATABASE_URL" if way == "tunnel" else "THE_URL": url})
    assert ran.code == 3, ran.err
    # the server tells its own port, not the tunnel's; stopping a URL's server is refused without asking it
    if words[0] != "db.down" and "--volumes" not in words:
        assert f"aegis@127.0.0.1:{production.address.port}" in ran.last
    assert _state(production.address) == before


def test_the_state_would_show_a_change(production: Project) -> None:
    """The check above can fail: one row more is another state."""
    before = _state(production.address)
    with connect(production.address) as conn:
        conn.execute("INSERT INTO shop_items VALUES (99, 1)")
    assert _state(production.address) != before
