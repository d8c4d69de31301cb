"""Fault 44 of docs/faults.md: what may be wrong with an embedded server's processes, files, ports and versions."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from aegisdb.errors import BadInput, Failed, Unreachable
from aegisdb.progress import silent
from aegisdb.servers import postmaster
from aegisdb.servers.embedded import EmbeddedServer
from tests.invoke import invoke
from tests.postgres_server import BIN, TestServer, free_port
from tests.servers.projects import START, as_ordinary_user, data_of, embedded, home_of, python, write_registry


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose server has run, holds a table `kept` and is stopped; to be copied."""
    root = tmp_path_factory.mktemp("prepared")
    server = embedded(root)
    with psycopg.connect(server.start(silent).with_database("postgres").url(), autocommit=True) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 1")
    server.stop()
    (home_of(root) / "state.json").unlink()
    return root


@pytest.fixture
def made(prepared: Path, tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A copy of the prepared server."""
    server = embedded(tmp_path)
    subprocess.run(["cp", "-a", prepared / ".aegisdb", tmp_path], check=True)
    yield server
    server.stop(destroy=True)


def still_has_its_table(server: EmbeddedServer) -> bool:
    with psycopg.connect(server.start(silent).with_database("postgres").url()) as conn:
        return conn.execute("SELECT count(*) FROM kept").fetchone() == (1,)


def kill_nine(data: Path) -> None:
    noted = postmaster.read_pid_file(data)
    assert noted is not None
    os.kill(noted.pid, signal.SIGKILL)
    until(lambda: postmaster.reap(noted.pid) is not None or postmaster.find_process(noted.pid) is None)


def until(true: Callable[[], object]) -> None:
    for _ in range(1500):
        if true():
            return
        time.sleep(0.02)
    pytest.fail("it has not happened within 30 s")


def test_a_killed_server_starts_again_with_its_data(made: EmbeddedServer, tmp_path: Path) -> None:
    made.start(silent)
    kill_nine(data_of(tmp_path))
    with pytest.raises(Unreachable, match="not running"):
        made.address()
    assert still_has_its_table(made)


@pytest.mark.parametrize("age", [0, 86400])
def test_a_pid_that_a_stranger_has_now_is_neither_believed_nor_signalled(
    made: EmbeddedServer, tmp_path: Path, age: int
) -> None:
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        forge_pid_file(data_of(tmp_path), stranger.pid, int(time.time()) - age)
        with pytest.raises(Unreachable, match="not running"):
            made.address()
        assert not made.stop()
        assert still_has_its_table(made)
        assert made.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("name", ["postgres_exporter", "postgres"])
def test_a_stranger_in_the_data_directory_with_such_a_name_is_not_signalled(
    made: EmbeddedServer, tmp_path: Path, name: str
) -> None:
    """What a process is says the file of its program, not how its name begins."""
    program = tmp_path / name
    shutil.copy(shutil.which("sleep") or "", program)
    stranger = subprocess.Popen([program, "600"], cwd=data_of(tmp_path))
    try:
        process = postmaster.find_process(stranger.pid)
        assert process is not None
        assert not postmaster.works_in(process, data_of(tmp_path), BIN)
        assert stranger.pid not in postmaster.processes_in(data_of(tmp_path), BIN)
        forge_pid_file(data_of(tmp_path), stranger.pid, int(time.time()))
        assert not made.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
    assert still_has_its_table(made)


def test_the_pid_of_another_projects_postgres_is_not_signalled(
    made: EmbeddedServer, tmp_path: Path, server: TestServer
) -> None:
    other = postmaster.read_pid_file(server.data)
    assert other is not None
    forge_pid_file(data_of(tmp_path), other.pid, other.started)
    assert not made.stop()
    assert still_has_its_table(made)
    assert made.stop()
    assert postmaster.read_pid_file(server.data) == other
    with psycopg.connect(server.address.url()) as conn:
        conn.execute("SELECT 1")


def test_a_pid_file_without_its_server_does_not_let_a_second_one_start(made: EmbeddedServer, tmp_path: Path) -> None:
    # a backend, or a server in another container, still works in the directory
    made.start(silent)
    noted = data_of(tmp_path) / "postmaster.pid"
    true = noted.read_text()
    try:
        forge_pid_file(data_of(tmp_path), os.getpid(), int(time.time()))
        with pytest.raises(Unreachable) as refused:
            made.start(silent)
        assert refused.value.code == "data_in_use"
    finally:
        noted.write_text(true)
    assert still_has_its_table(made)


def forge_pid_file(data: Path, pid: int, started: int) -> None:
    (data / "postmaster.pid").write_text(f"{pid}\n{data}\n{started}\n5432\n\n127.0.0.1\n   1     2\nready   \n")


def test_a_killed_initdb_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    child = subprocess.Popen(python(START, str(tmp_path), str(free_port())), stdout=subprocess.DEVNULL)
    until(lambda: list(home.glob("new-*/data/base/1/*")))
    child.kill()
    child.wait()
    assert not data_of(tmp_path).exists()
    server = embedded(tmp_path)
    server.start(silent)
    assert list(home.glob("new-*")) == []
    server.stop(destroy=True)


def test_two_starts_at_once_make_one_server(tmp_path: Path) -> None:
    port = str(free_port())
    starts = [
        subprocess.Popen(python(START, str(tmp_path), port), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    ended = [start.communicate(timeout=120) for start in starts]
    assert ended == [(f"{port}\n", "")] * 3
    server = embedded(tmp_path)
    noted = postmaster.read_pid_file(data_of(tmp_path))
    assert noted is not None
    pids = postmaster.processes_in(data_of(tmp_path))
    parents = {process.parent for pid in pids if (process := postmaster.find_process(pid)) and pid != noted.pid}
    assert parents == {noted.pid}
    server.stop(destroy=True)


def test_a_taken_port_gives_another_one_that_is_remembered(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        wished = int(taken.getsockname()[1])
        server = embedded(tmp_path, port=wished)
        port = server.start(silent).port
        assert port != wished
        server.stop()
    assert server.start(silent).port == port  # although the wished one is free by now
    server.stop()
    with socket.socket() as taken:
        # connections of the server that stopped may still linger in TIME_WAIT
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert server.start(silent).port == wished  # a stranger has the remembered one
    server.stop()
    other = free_port()
    assert embedded(tmp_path, port=other).start(silent).port == other  # services.yaml was edited
    server.stop(destroy=True)


def test_a_stranger_on_the_ipv6_localhost_counts_as_taken(tmp_path: Path) -> None:
    # `localhost` means ::1 first to most clients
    with socket.socket(socket.AF_INET6) as taken:
        try:
            taken.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 on this machine")
        taken.listen()
        wished = int(taken.getsockname()[1])
        server = embedded(tmp_path, port=wished)
        try:
            assert server.start(silent).port != wished
        finally:
            server.stop(destroy=True)


def test_data_of_another_major_version_is_kept_and_named(made: EmbeddedServer, tmp_path: Path) -> None:
    data = data_of(tmp_path)
    before = sorted(path for path in data.rglob("*"))
    version = (data / "PG_VERSION").read_text()
    (data / "PG_VERSION").write_text("17\n")
    check_version_refusal(made, data)
    (data / "PG_VERSION").write_text(version)
    assert sorted(path for path in data.rglob("*")) == before
    assert still_has_its_table(made)


def test_data_beside_of_another_major_version_is_not_silently_left(made: EmbeddedServer, tmp_path: Path) -> None:
    other = home_of(tmp_path) / "17"
    data_of(tmp_path).rename(other)
    (other / "PG_VERSION").write_text("17\n")
    check_version_refusal(made, other)
    assert not data_of(tmp_path).exists()


def check_version_refusal(server: EmbeddedServer, data: Path) -> None:
    with pytest.raises(Unreachable, match="PostgreSQL 17") as refused:
        server.start(silent)
    assert refused.value.code == "version"
    assert refused.value.exit_code == 7
    assert str(data) in refused.value.message
    assert "bindir" in refused.value.hint


def test_a_server_that_dies_while_starting_tells_why(made: EmbeddedServer, tmp_path: Path) -> None:
    with (data_of(tmp_path) / "postgresql.conf").open("a") as conf:
        conf.write("shared_buffers = 'much'\n")
    with pytest.raises(Failed, match=r'(?s)did not start.*"shared_buffers": "much"') as failed:
        made.start(silent)
    assert str(home_of(tmp_path) / "log") in failed.value.hint


def test_a_failing_initdb_is_named_and_leaves_nothing(tmp_path: Path, passable_path: Path) -> None:
    for name in ("postgres", "initdb"):
        (passable_path / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 18.0'; echo no space >&2; exit 1\n")
        (passable_path / name).chmod(0o755)
    with pytest.raises(Failed, match="initdb failed: no space"):
        embedded(tmp_path, bindir=str(passable_path)).start(silent)
    assert {path.name for path in home_of(tmp_path).iterdir()} == {"lock"}


@pytest.mark.parametrize(("user", "password"), [("aegis", ""), ("", "x"), ("aegis", "a\nb"), ("pg_own", "x")])
def test_a_login_that_initdb_cannot_take_is_bad_input(tmp_path: Path, user: str, password: str) -> None:
    with pytest.raises(BadInput, match=r"database\.user"):
        embedded(tmp_path, user=user, password=password).start(silent)


def test_a_wrong_bindir_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no PostgreSQL server programs"):
        embedded(tmp_path, bindir="nowhere").start(silent)


def test_proc_and_psutil_tell_the_same(made: EmbeddedServer, tmp_path: Path) -> None:
    made.start(silent)
    noted = postmaster.read_pid_file(data_of(tmp_path))
    assert noted is not None
    for find in (postmaster._from_proc, postmaster._from_psutil):  # noqa: SLF001  one of them runs on each system
        process = find(noted.pid)
        assert process is not None
        assert postmaster.is_postmaster(process, data_of(tmp_path), noted)
        assert not postmaster.is_postmaster(process, tmp_path, noted)
        own = find(os.getpid())
        assert own is not None
        assert not postmaster.works_in(own, data_of(tmp_path))
    assert postmaster._from_psutil(2**22 - 1) is postmaster._from_proc(2**22 - 1) is None  # noqa: SLF001


_ABOUT = """
from aegisdb.servers.postmaster import _from_proc, _from_psutil
for find in (_from_proc, _from_psutil):
    found = find(int(sys.argv[1]))
    print(found and (found.parent, found.uid, found.program, found.directory))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a process of another user")
def test_a_process_of_another_user_is_alive_though_nobody_may_look_inside() -> None:
    done = as_ordinary_user(python(_ABOUT, str(os.getpid())))
    if "ModuleNotFoundError" in done.stderr or "PermissionError" in done.stderr:
        pytest.skip("an ordinary user cannot run this Python")
    assert done.stdout.splitlines() == [str((os.getppid(), 0, None, None))] * 2, done.stderr


def test_up_and_down_as_typed(tmp_path: Path) -> None:
    root = tmp_path / 'it\'s a "project" & more'
    write_registry(root, free_port())
    down = invoke("db.wait", "--timeout", "0", cwd=root)
    assert (down.code, "db.up" in down.last) == (7, True)
    assert invoke("db.up", cwd=root).code == 0
    again = invoke("db.up", "--format", "json", cwd=root)
    assert again.json["result"]["version"] // 10000 == 18
    assert invoke("db.wait", "--timeout", "0", cwd=root).code == 7  # the server is there, its database is not
    refused = invoke("db.down", "--volumes", cwd=root)
    assert (refused.code, data_of(root).exists()) == (3, True)
    gone = invoke("db.down", "--volumes", "--yes", "--format", "json", cwd=root)
    assert (gone.code, gone.json["result"]["data_deleted"], data_of(root).exists()) == (0, True, False)
    assert invoke("db.down", cwd=root).code == 0


def test_another_version_as_typed(tmp_path: Path) -> None:
    write_registry(tmp_path, free_port())
    data = home_of(tmp_path) / "17"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("17\n")
    ran = invoke("db.up", cwd=tmp_path)
    assert ran.code == 7
    assert ran.last.startswith("error[version]")
    shutil.rmtree(data)
