"""The embedded server: what it is when all goes well."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from aegisdb.errors import Failed, Unreachable
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.progress import Event, silent
from aegisdb.servers import postmaster
from aegisdb.servers.embedded import EmbeddedServer
from tests.postgres_server import BIN, PASSWORD, TestServer, free_port
from tests.running import contents
from tests.seeds.shop import processes_left, processes_naming
from tests.servers.projects import START, data_of, embedded, home_of, python


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a project & \"its\" 'dätä' $HOME")


@pytest.fixture(scope="module")
def up(root: Path) -> Iterator[EmbeddedServer]:
    made = embedded(root)
    made.start(silent)
    yield made
    made.stop(destroy=True)


def maintenance(address: Address) -> Address:
    return address.with_database("postgres")


def test_the_registrys_role_logs_in_with_its_password_and_nobody_without(up: EmbeddedServer) -> None:
    address = maintenance(up.address())
    with psycopg.connect(address.url()) as conn:
        row = conn.execute("SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    assert row == ("aegis", True)
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(host=address.host, port=address.port, user="aegis", dbname="postgres", passfile="/nonexistent")


def test_a_password_is_hashed_as_often_as_every_client_expects(up: EmbeddedServer) -> None:
    """Fewer rounds make each login quicker, but others than libpq refuse them: Go's lib/pq, and with it dbmate."""
    with psycopg.connect(maintenance(up.address()).url()) as conn:
        row = conn.execute("SELECT rolpassword FROM pg_authid WHERE rolname = current_user").fetchone()
    assert row is not None
    assert row[0].startswith("SCRAM-SHA-256$4096:")


def test_it_listens_on_the_loopback_address_alone(up: EmbeddedServer) -> None:
    with psycopg.connect(maintenance(up.address()).url()) as conn:
        row = conn.execute(
            "SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories'),"
            " current_setting('fsync'), current_setting('synchronous_commit'), current_setting('server_encoding')"
        ).fetchone()
    assert row == ("127.0.0.1", "", "on", "off", "UTF8")


def test_the_extensions_of_aegis_are_there(up: EmbeddedServer) -> None:
    with psycopg.connect(maintenance(up.address()).url(), autocommit=True) as conn:
        for name in ("age", "vector", "uuid-ossp"):
            conn.execute(f'CREATE EXTENSION IF NOT EXISTS "{name}"')
        row = conn.execute("SELECT count(*) FROM pg_extension WHERE extname <> 'plpgsql'").fetchone()
    assert row == (3,)


def test_a_second_start_finds_it_running(up: EmbeddedServer, root: Path) -> None:
    events: list[Event] = []
    before = postmaster.read_pid_file(data_of(root))
    assert embedded(root, port=up.address().port).start(events.append) == up.address()
    assert postmaster.read_pid_file(data_of(root)) == before
    assert events == []


@pytest.mark.usefixtures("up")
def test_it_belongs_to_no_terminal_and_outlives_the_command(root: Path) -> None:
    noted = postmaster.read_pid_file(data_of(root))
    assert noted is not None
    assert os.getsid(noted.pid) == noted.pid != os.getsid(0)


def test_address_imports_neither_psycopg_nor_psutil(up: EmbeddedServer, root: Path) -> None:
    code = START.replace("start(silent)", "address()") + "print([m for m in ('psycopg', 'psutil') if m in sys.modules])"
    done = subprocess.run(
        python(code.replace("from tests.servers.projects import embedded", _IMPORT_FREE), str(root), "0"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[:2] == [str(up.address().port), "[]"]


_IMPORT_FREE = """
from aegisdb.registry.types import *
from aegisdb.servers import server_for
from aegisdb.target_kinds.embedded import EmbeddedTarget
def embedded(root, port):
    database = Database(name="aegis", user="aegis", password="x")
    file = RegistryFile(version=1, project="p", targets={"t": EmbeddedTarget(server="embedded")}, database=database)
    return server_for(Registry(path=root / "services.yaml", file=file), "t")
"""


def test_the_password_is_in_no_file_and_no_argv(up: EmbeddedServer, root: Path) -> None:
    assert up.address().password.reveal() == PASSWORD
    found = {path: PASSWORD.encode() in content for path, content in contents(root / ".aegisdb")}
    assert len(found) > 100
    assert [path for path, holds in found.items() if holds] == []
    noted = postmaster.read_pid_file(data_of(root))
    process = postmaster.find_process(noted.pid) if noted else None
    assert process is not None
    assert PASSWORD not in " ".join(process.argv)


def test_the_proof_is_the_system_identifier_of_the_data_directory(up: EmbeddedServer, server: TestServer) -> None:
    with connect(maintenance(up.address())) as conn:
        proof = up.disposable(conn)
        assert proof is not None
        assert proof.kind == "P1"
        assert str(conn.identity().system_identifier) in proof.evidence
    with connect(server.address) as stranger:
        assert up.disposable(stranger) is None


def test_a_copy_of_the_data_directory_is_no_proof(tmp_path: Path) -> None:
    original, copy = embedded(tmp_path / "a"), embedded(tmp_path / "b")
    original.start(silent)
    original.stop()
    subprocess.run(["cp", "-a", tmp_path / "a" / ".aegisdb", tmp_path / "b"], check=True)
    try:
        with connect(maintenance(original.start(silent))) as one, connect(maintenance(copy.start(silent))) as other:
            assert one.identity().system_identifier == other.identity().system_identifier
            assert original.disposable(one) is not None
            assert original.disposable(other) is None
            assert copy.disposable(one) is None
    finally:
        original.stop(destroy=True)
        copy.stop(destroy=True)


def test_pg_control_is_read_as_pg_controldata_reads_it(up: EmbeddedServer, root: Path) -> None:
    done = subprocess.run([BIN / "pg_controldata", data_of(root)], capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("Database system identifier"))
    assert up._cluster.system_identifier() == int(line.split()[-1])  # noqa: SLF001  the fact itself is under test


def test_a_flush_that_fails_is_told_by_whoever_waits_for_it(up: EmbeddedServer, tmp_path: Path) -> None:
    """It has nothing to write here, as where somebody has removed the data."""
    cluster = replace(up._cluster, path=tmp_path / "nowhere")  # noqa: SLF001  there is no other way to it
    with pytest.raises(Failed, match=r"initdb --sync-only exited with 1: .*nowhere"):
        cluster.flush()
    at_end = ExitStack()
    cluster.flush(at_end)
    with pytest.raises(Failed, match="nowhere"):
        at_end.close()
    cluster.flush(at_end)
    with pytest.raises(LookupError, match="of the block"), at_end:
        raise LookupError("of the block")
    assert processes_left(str(tmp_path)) == []


def test_a_flush_waits_until_all_is_written(up: EmbeddedServer) -> None:
    cluster = up._cluster  # noqa: SLF001  there is no other way to it
    with ExitStack() as at_end:
        cluster.flush(at_end)
        with psycopg.connect(maintenance(up.address()).url(), autocommit=True) as conn:
            conn.execute("CREATE DATABASE beside_a_flush")
            conn.execute("DROP DATABASE beside_a_flush")
    assert processes_naming(f"--sync-only\0-D\0{cluster.path}") == []


def test_stop_rolls_back_open_work_and_the_port_is_remembered(tmp_path: Path) -> None:
    made = embedded(tmp_path)
    assert made.label().endswith(" or a free port")
    port = made.start(silent).port
    assert made.label() == f"127.0.0.1:{port}"
    conn = psycopg.connect(maintenance(made.address()).url())
    conn.execute("CREATE TABLE open_work (a int)")
    assert made.stop()
    assert not made.stop()
    conn.close()
    with pytest.raises(Unreachable, match="not running"):
        made.address()
    again = embedded(tmp_path, port=free_port())
    assert again.label() == f"127.0.0.1:{port} or a free port"
    made.start(silent)
    with psycopg.connect(maintenance(made.address()).url()) as conn:
        assert conn.execute("SELECT to_regclass('open_work')").fetchone() == (None,)
    assert made.address().port == port
    assert made.stop(destroy=True)
    assert {path.name for path in home_of(tmp_path).iterdir()} == {"lock", "log", "state.json"}


def test_a_changed_password_or_role_is_set_anew(tmp_path: Path) -> None:
    embedded(tmp_path).start(silent)
    other = "n€w 'pass\"word\\ $x"
    changed = embedded(tmp_path, password=other)
    events: list[Event] = []
    with psycopg.connect(maintenance(changed.start(events.append)).url()) as conn:
        conn.execute("SELECT 1")
    assert "password" in [event.step for event in events]
    renamed = embedded(tmp_path, user='some "body"', password=other)
    with psycopg.connect(maintenance(renamed.start(silent)).url()) as conn:
        assert conn.execute("SELECT current_user").fetchone() == ('some "body"',)
    assert other.encode() not in (home_of(tmp_path) / "log").read_bytes()
    renamed.stop(destroy=True)


def test_a_system_postgresql_of_another_version_works_too(tmp_path: Path) -> None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL under /usr/lib/postgresql")
    made = embedded(tmp_path, bindir=str(found[0].parent))
    address = made.start(silent)
    with psycopg.connect(maintenance(address).url()) as conn:
        assert str(conn.info.server_version // 10000) == found[0].parts[-3]
    assert made.stop(destroy=True)
