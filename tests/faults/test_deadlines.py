"""Children that never answer: each program that the tool waits for has a deadline, and its end is an error of ours."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aegisdb.errors import AegisError, Failed
from aegisdb.lint import changed_files, squawk
from aegisdb.postgres import psql
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.progress import silent
from aegisdb.registry import load
from aegisdb.revisions.load import read_history
from aegisdb.runtime import session, step_errors
from aegisdb.runtime.step_options import UNRECORDED
from aegisdb.servers import cluster, docker
from tests.invoke import ROOT
from tests.monorepo import SYNC, Rev, Svc, build_monorepo, table
from tests.running import nothing_left, versions
from tests.servers.projects import embedded, home_of

HANGS = "#!/bin/sh\nexec sleep 600\n"
QUICKLY = 20.0  # seconds: the deadline of one, and what a busy machine needs for the rest


def program(path: Path, text: str = HANGS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def ends(act: Callable[[], object]) -> AegisError:
    began = time.monotonic()
    with pytest.raises(Failed) as caught:
        act()
    assert time.monotonic() - began < QUICKLY
    assert caught.value.code == "timeout", caught.value.message
    return caught.value


@pytest.mark.child
def test_psql_that_does_not_say_what_it_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psql, "_ANSWER", 1.0)
    hanging = program(tmp_path / "psql")
    assert str(hanging) in ends(lambda: psql._knows_restrict(hanging)).message  # noqa: SLF001  what each run of psql asks


def test_an_initdb_that_hangs_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_INITDB", 1.0)
    with tempfile.TemporaryDirectory() as open_to_all:
        programs = Path(open_to_all)
        programs.chmod(0o755)
        program(programs / "postgres", "#!/bin/sh\necho 'postgres (PostgreSQL) 18.0'\n")
        program(programs / "initdb")
        ends(lambda: embedded(tmp_path, bindir=open_to_all).start(silent))
    assert {path.name for path in home_of(tmp_path).iterdir()} == {"lock"}


@pytest.mark.parametrize("at", ["import", "connect"])
def test_an_env_py_that_is_never_ready_is_stopped(
    tmp_path: Path, database: Address, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Without --timeout too: the writer lock is held meanwhile."""
    for module in (session, step_errors):
        monkeypatch.setattr(module, "OPENING", 3.0)
    late = "import time\ntime.sleep(600)\n"
    where = "    with engine.connect() as connection:\n"
    assert SYNC.count(where) == 1
    env = late + SYNC if at == "import" else SYNC.replace(where, f"    import time; time.sleep(600)\n{where}")
    build_monorepo(tmp_path, {"app": Svc(revisions=(Rev(id="r1", up=table("app_t")),), env=env)}, url=database.url())
    registry = load(tmp_path / "services.yaml", {})
    with connect(database) as conn:
        identity = conn.identity()

    def step() -> None:
        history = read_history(registry, "app")
        with session.Session(registry, history, database, identity, UNRECORDED) as opened:
            opened.upgrade_one("r1")

    error = ends(step)
    assert "env.py was not ready after 3 s" in error.message
    assert "--timeout" in error.hint
    assert versions(database, "app") == []
    assert nothing_left(database)


@pytest.mark.child
def test_a_docker_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "_QUICK", 1.0)
    program(tmp_path / "bin" / "docker")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    ends(lambda: docker.docker("ps"))
    ends(docker.require_engine)


@pytest.mark.child
def test_a_squawk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(squawk, "_PATIENCE", 1.0)
    hanging = program(tmp_path / "squawk")
    ends(lambda: squawk._ask(str(hanging), ["some.sql"], (), tmp_path))  # noqa: SLF001  what is asked of each portion


@pytest.mark.child
def test_a_git_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changed_files, "_PATIENCE", 1.0)
    program(tmp_path / "bin" / "git")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    began = time.monotonic()
    with pytest.raises(AegisError):
        changed_files.changes(ROOT, (), since="HEAD")
    assert time.monotonic() - began < QUICKLY
