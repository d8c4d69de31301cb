"""A volatile embedded server: without fsync, in memory where there is room."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from aegisdb.errors import Unreachable
from aegisdb.postgres import databases
from aegisdb.postgres.connection import connect
from aegisdb.progress import silent
from aegisdb.servers import memory
from aegisdb.servers.account import project_owner
from aegisdb.servers.embedded import EmbeddedServer
from aegisdb.target_kinds.embedded import EmbeddedTarget
from tests.postgres_server import free_port
from tests.running import rows
from tests.servers.projects import data_of, home_of, registry

_SETTINGS = "SELECT current_setting('fsync'), current_setting('full_page_writes'), current_setting('data_directory')"


def volatile(root: Path) -> EmbeddedServer:
    spec = EmbeddedTarget(server="embedded", port=free_port(), volatile=True)
    return EmbeddedServer(registry(root, spec), "t", spec)


def directory(root: Path) -> Path:
    found = memory.memory_directory(home_of(root), project_owner(root))
    if found is None:
        pytest.skip(f"{memory.SHARED_MEMORY} has no room on this machine")
    return found


@pytest.fixture
def made(tmp_path: Path) -> Iterator[EmbeddedServer]:
    server = volatile(tmp_path)
    yield server
    server.stop(destroy=True)


def test_it_stands_in_memory_and_goes_without_a_trace(made: EmbeddedServer, tmp_path: Path) -> None:
    there = directory(tmp_path)
    address = made.start(silent).with_database("postgres")
    assert rows(address, _SETTINGS) == [("off", "off", str(there / "18"))]
    assert not data_of(tmp_path).exists()
    with connect(address) as conn:
        assert made.disposable(conn) is not None
        databases.create(conn, "aegis")
    # another command finds it
    assert volatile(tmp_path).address().port == address.port
    made.stop()
    assert rows(made.start(silent), "SELECT 1") == [(1,)]
    assert made.stop(destroy=True)
    assert not there.exists()


def test_after_a_reboot_it_is_made_anew(made: EmbeddedServer, tmp_path: Path) -> None:
    there = directory(tmp_path)
    first = made.start(silent).with_database("postgres")
    with connect(first) as conn:
        databases.create(conn, "aegis")
    made.stop()
    shutil.rmtree(there)
    again = volatile(tmp_path)
    assert not again.has_data()
    address = again.start(silent).with_database("postgres")
    assert rows(address, "SELECT count(*) FROM pg_database WHERE datname = 'aegis'") == [(0,)]


def test_without_room_it_stands_on_the_disk(
    made: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_ROOM", 1 << 62)
    address = made.start(silent).with_database("postgres")
    assert rows(address, _SETTINGS) == [("off", "off", str(data_of(tmp_path)))]
    # it stays there when there is room again
    monkeypatch.undo()
    assert volatile(tmp_path).address().port == address.port


def test_a_server_in_memory_stays_there_when_room_is_gone(
    made: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = directory(tmp_path)
    made.start(silent)
    monkeypatch.setattr(memory, "_ROOM", 1 << 62)
    again = volatile(tmp_path)
    assert again.start(silent).port == made.address().port
    assert (there / "18/PG_VERSION").exists()


def test_what_a_deleted_checkout_left_goes_with_the_next_start(made: EmbeddedServer, tmp_path: Path) -> None:
    owner = project_owner(tmp_path)
    directory(tmp_path)
    gone, kept = tmp_path / "gone", tmp_path / "kept"
    places = []
    for home in (gone, kept):
        home.mkdir()
        place = memory.memory_directory(home, owner)
        assert place is not None
        memory.make_memory_directory(place, home, owner)
        places.append(place)
    gone.rmdir()
    try:
        made.start(silent)
        assert [place.exists() for place in places] == [False, True]
    finally:
        shutil.rmtree(places[1])


def test_a_place_that_somebody_else_made_is_not_taken(tmp_path: Path) -> None:
    there = directory(tmp_path)
    there.symlink_to(tmp_path)
    try:
        with pytest.raises(Unreachable) as raised:
            volatile(tmp_path).start(silent)
        assert (raised.value.code, str(there) in raised.value.message) == ("permission", True)
    finally:
        there.unlink()
    assert not list(tmp_path.glob("[0-9]*"))


def test_nobody_else_may_look_into_it(made: EmbeddedServer, tmp_path: Path) -> None:
    there = directory(tmp_path)
    made.start(silent)
    assert (there / "18").stat().st_mode & 0o077 == 0
    assert there.stat().st_mode & 0o066 == 0
    if os.geteuid() != 0:
        assert there.stat().st_mode & 0o077 == 0


def test_its_databases_are_copied_as_files(made: EmbeddedServer) -> None:
    address = made.start(silent).with_database("postgres")
    with connect(address) as conn:
        databases.create(conn, "source")
        with psycopg.connect(address.with_database("source").url()) as other:
            other.execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS n")
        before = rows(address, "SELECT pg_current_wal_lsn()")[0][0]
        databases.clone(conn, "source", "copied")
        written = rows(address, f"SELECT pg_current_wal_lsn() - '{before}'::pg_lsn")[0][0]
    assert rows(address.with_database("copied"), "SELECT count(*) FROM t") == [(1000,)]
    assert int(str(written)) < 1_000_000  # the pages themselves are 7 MB
