"""Root and ordinary users: who runs the embedded server, and whose permissions stay as they were."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from aegisdb.errors import Unreachable
from aegisdb.progress import silent
from aegisdb.servers import postmaster
from aegisdb.servers.account import Account, account_for
from tests.postgres_server import free_port
from tests.servers.projects import NOBODY, START, as_ordinary_user, data_of, embedded, python

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory of the ordinary user's own, in one that everybody may pass (pytest's own is private)."""
    parent = Path(tempfile.mkdtemp(prefix="aegisdb-test-"))
    parent.chmod(0o755)
    own = parent / "an ordinary & user's"
    own.mkdir(mode=0o755)
    if os.geteuid() == 0:
        os.chown(own, NOBODY, NOBODY)
    yield own
    embedded(own).stop(destroy=True)
    shutil.rmtree(parent)


@pytest.fixture(scope="module")
def _ordinary_python() -> None:
    if as_ordinary_user(python("import tests.servers.projects")).returncode:
        pytest.skip("an ordinary user cannot run this Python")


def modes_above(path: Path) -> dict[Path, tuple[int, int, int]]:
    return {p: (p.stat().st_mode, p.stat().st_uid, p.stat().st_gid) for p in path.parents}


def uid_of_server(root: Path) -> int:
    noted = postmaster.read_pid_file(data_of(root))
    process = postmaster.find_process(noted.pid) if noted else None
    assert process is not None
    return process.uid


@pytest.mark.usefixtures("_ordinary_python")
def test_an_ordinary_user_starts_it_for_himself(open_directory: Path) -> None:
    port = free_port()
    started = as_ordinary_user(python(START, str(open_directory), str(port)))
    assert (started.stdout, started.stderr) == (f"{port}\n", "")
    assert uid_of_server(open_directory) == open_directory.stat().st_uid != 0
    assert stat.S_IMODE((open_directory / ".aegisdb").stat().st_mode) == 0o700
    assert stat.S_IMODE(data_of(open_directory).stat().st_mode) == 0o700
    with psycopg.connect(embedded(open_directory).address().with_database("postgres").url()) as conn:
        conn.execute("SELECT 1")


@as_root
def test_root_runs_it_as_another_user_below_directories_that_only_root_enters(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    before = modes_above(private / "project")
    server = embedded(private / "project")
    with psycopg.connect(server.start(silent).with_database("postgres").url()) as conn:
        conn.execute("SELECT 1")
    assert uid_of_server(private / "project") == NOBODY
    assert modes_above(private / "project") == before
    assert server.stop(destroy=True)


@as_root
@pytest.mark.usefixtures("_ordinary_python")
def test_root_leaves_the_project_of_a_user_usable_for_him(open_directory: Path) -> None:
    port = free_port()
    embedded(open_directory, port=port).start(silent)
    assert uid_of_server(open_directory) == NOBODY
    state = open_directory / ".aegisdb"
    assert {path.stat().st_uid for path in (state, *state.rglob("*"))} == {NOBODY}
    code = START.replace("start(silent).port", "stop(destroy=True)")
    stopped = as_ordinary_user(python(code, str(open_directory), str(port)))
    assert (stopped.stdout, stopped.stderr) == ("True\n", "")


@as_root
@pytest.mark.usefixtures("_ordinary_python")
@pytest.mark.parametrize("call", ["start(silent)", "address()", "has_data()"])
def test_files_of_another_user_are_named_with_the_way_out(open_directory: Path, call: str) -> None:
    data = data_of(open_directory)
    data.mkdir(parents=True)
    for path in (data, *[p for p in data.parents if p.is_relative_to(open_directory / ".aegisdb")]):
        path.chmod(0o700)  # root's
    code = START.replace("start(silent).port", call)
    code = code.replace("print(", "from aegisdb.errors import Unreachable\ntry:\n    print(").rstrip()
    code += "\nexcept Unreachable as error:\n    print(error.code, error.hint)\n"
    ran = as_ordinary_user(python(code, str(open_directory), "0"))
    assert ran.stdout.startswith("permission"), ran.stderr
    assert f"sudo chown -R $USER {shlex.quote(str(open_directory / '.aegisdb'))}" in ran.stdout


@as_root
def test_without_setpriv_root_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unreachable, match="setpriv") as refused:
        embedded(tmp_path / "project").start(silent)
    assert refused.value.code == "root"
    assert not data_of(tmp_path / "project").exists()


@as_root
def test_the_capability_is_given_only_where_a_directory_is_closed(tmp_path: Path) -> None:
    account = Account(NOBODY, NOBODY, switch=True)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert "ambient" in " ".join(account.command(["postgres"], closed / "data"))
    assert "ambient" not in " ".join(account.command(["postgres"], Path("/usr/bin/env")))
    own = tmp_path / "own"
    own.mkdir(mode=0o700)
    account.own(own)
    assert (account.enters(closed), account.enters(own)) == (False, True)


@as_root
def test_root_takes_the_owner_of_data_then_of_the_project_then_nobody(open_directory: Path, tmp_path: Path) -> None:
    assert account_for(open_directory, open_directory / "x") == Account(NOBODY, NOBODY, switch=True)
    assert account_for(tmp_path, tmp_path / "x") == Account(NOBODY, NOBODY, switch=True)
    os.chown(open_directory, 12345, 12346)
    assert account_for(tmp_path, open_directory) == Account(12345, 12346, switch=True)
    os.chown(open_directory, NOBODY, NOBODY)


@as_root
def test_root_without_the_right_to_look_into_processes_recognises_its_server(tmp_path: Path) -> None:
    # a container's root has no CAP_SYS_PTRACE: /proc/PID/exe and cwd of another user are closed to it
    server = embedded(tmp_path)
    port = server.start(silent).port
    code = START.replace("start(silent).port", "address().port")
    code += (
        "server = embedded(Path(sys.argv[1]), port=1)\nprint(server.stop(), server.start(silent).port, server.stop())"
    )
    container = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
    ran = subprocess.run([*container, *python(code, str(tmp_path), "1")], capture_output=True, text=True, check=False)
    assert (ran.stdout.splitlines()[0], ran.stderr) == (str(port), "")
    assert ran.stdout.splitlines()[1].split()[::2] == ["True", "True"]
    assert server.stop(destroy=True)
