"""Scratch databases go when their user goes, however it goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from aegisdb.postgres import databases
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import Connection, connect
from aegisdb.postgres.markers import read_marker
from aegisdb.postgres.scratch import new_name, orphans, scratch, sweep
from tests.postgres_server import TestServer
from tests.running import eventually

_MAKER = """
import os, sys, time
from aegisdb.postgres.address import Address
from aegisdb.postgres.scratch import scratch
with scratch(Address.from_url(os.environ["URL"])) as made:
    print(made.database, flush=True)
    time.sleep(600)
"""


_LOOKS = "client_connection_check_interval"


def _maker(address: Address) -> tuple[subprocess.Popen[str], str]:
    child = subprocess.Popen(
        [sys.executable, "-c", _MAKER],
        env={**os.environ, "URL": address.url()},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    return child, child.stdout.readline().strip()


def test_a_scratch_database_is_marked_and_dropped(server: TestServer, database: Address) -> None:
    with connect(server.address) as admin:
        with scratch(database, label="try") as made:
            marker = read_marker(admin, made.database)
            assert marker is not None
            assert (marker.kind, marker.valid, marker.facts) == ("scratch", True, {"label": "try"})
            assert orphans(admin, database.database) == ()
        assert not databases.exists(admin, made.database)


@pytest.fixture
def curious(server: TestServer) -> Iterator[None]:
    """A server that looks several times a second whether clients are there, as the embedded one does each second."""
    with connect(server.address) as admin:
        admin.execute(f"ALTER DATABASE postgres SET {_LOOKS} = '100ms'")
        yield
        admin.execute(f"ALTER DATABASE postgres RESET {_LOOKS}")


@pytest.mark.usefixtures("curious")
def test_a_drop_is_left_to_the_server(server: TestServer, database: Address) -> None:
    maker = _MAKER.replace('["URL"])', '["URL"]), soon=True').replace("time.sleep(600)", "sys.stdin.readline()")
    child = subprocess.Popen(
        [sys.executable, "-c", maker],
        env={**os.environ, "URL": database.url()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    name = child.stdout.readline().strip()
    with connect(server.address) as admin:
        with admin.transaction():
            admin.execute("LOCK TABLE pg_database IN SHARE MODE")  # which a DROP has to wait for
            child.communicate("end\n", timeout=60)
            assert child.returncode == 0
            assert not eventually(lambda: not databases.exists(admin, name), 0.5)
            assert orphans(admin, database.database) == ()
        assert eventually(lambda: not databases.exists(admin, name))


def test_a_copy_of_a_marker_proves_nothing(server: TestServer, database: Address) -> None:
    with scratch(database) as made, connect(server.address) as admin:
        comment = admin.value(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", (made.database,)
        )
        admin.execute(f"COMMENT ON DATABASE {database.database} IS '{comment}'")
        marker = read_marker(admin, database.database)
    assert marker is not None
    assert not marker.valid


def test_it_goes_when_the_body_fails_with_sessions_open(server: TestServer, database: Address) -> None:
    def body() -> None:
        with scratch(database) as made:
            names.append(made.database)
            sessions.append(connect(made))
            raise KeyboardInterrupt

    names: list[str] = []
    sessions: list[Connection] = []
    with pytest.raises(KeyboardInterrupt):
        body()
    with connect(server.address) as admin:
        assert not databases.exists(admin, names[0])
    sessions[0].close()


def test_the_next_one_sweeps_what_a_killed_maker_left(server: TestServer, database: Address) -> None:
    child, name = _maker(database)
    try:
        with connect(server.address) as admin:
            assert databases.exists(admin, name)
            assert sweep(admin, database.database) == ()  # its maker lives
            child.send_signal(signal.SIGKILL)
            child.wait()
            assert eventually(lambda: bool(orphans(admin, database.database)))
            with scratch(database):
                assert not databases.exists(admin, name)
    finally:
        child.kill()
        child.communicate()


def test_a_sweep_does_not_wait_for_whoever_drops_it_already(server: TestServer, database: Address) -> None:
    with connect(server.address) as admin, connect(server.address) as other:
        name = new_name(admin, database.database)
        databases.create(admin, name)
        with other.transaction():
            # the lock of DROP DATABASE, which keeps it while it waits for a checkpoint
            other.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 5")
            began = time.monotonic()
            assert sweep(admin, database.database) == ()
            assert time.monotonic() - began < 30  # the lock is held for as long as it looks
        assert admin.value("SHOW lock_timeout") == "0"
        assert sweep(admin, database.database) == (name,)


def test_a_database_that_only_looks_like_one_is_left_alone(server: TestServer, database: Address) -> None:
    mine = f"{database.database}__scratch_0123456789abcd"
    with connect(server.address) as admin:
        databases.create(admin, mine)
        try:
            assert sweep(admin, database.database) == ()
            assert databases.exists(admin, mine)
        finally:
            databases.drop(admin, mine)


def test_names_stay_within_63_bytes(server: TestServer) -> None:
    long = "ü" * 31
    with scratch(server.address.with_database(long)) as made, connect(server.address) as admin:
        assert len(made.database.encode()) <= 63
        assert databases.exists(admin, made.database)
