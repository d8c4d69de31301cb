"""What is remembered of an embedded server: never believed when it is damaged, and repaired."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aegisdb.errors import Unreachable
from aegisdb.progress import silent
from aegisdb.servers.account import project_owner
from aegisdb.servers.embedded import EmbeddedServer
from aegisdb.servers.state import read_state
from tests.damages import DAMAGES, repair
from tests.invoke import invoke
from tests.postgres_server import free_port
from tests.servers.projects import data_of, embedded, home_of, write_registry


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose server runs, on another port than services.yaml says."""
    made = tmp_path_factory.mktemp("state")
    port = free_port()
    server = embedded(made, port=port)
    server.start(silent)
    write_registry(made, free_port())
    yield made
    server.stop(destroy=True)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_changes_no_answer_and_is_repaired(root: Path, damage: str) -> None:
    file = home_of(root) / "state.json"
    before = file.read_bytes()
    told = invoke("db.url", "--safe", cwd=root).out
    remembered = read_state(home_of(root))
    label = embedded(root).label()
    assert label == f"127.0.0.1:{remembered.port}"
    DAMAGES[damage](file)
    try:
        assert embedded(root).label() == label
        asked = invoke("db.url", "--safe", cwd=root)
        assert (asked.code, asked.out) == (0, told), asked.err
        if damage == "a directory":
            return
        assert invoke("db.up", cwd=root).code in {0, 1}, "the database itself was never made"
        assert replace(read_state(home_of(root)), uid=0, wished=0) == replace(remembered, uid=0, wished=0)
    finally:
        repair(file, before)
        project_owner(root).own(file)


def test_another_major_version_written_by_hand_is_not_believed(root: Path) -> None:
    file = home_of(root) / "state.json"
    before = file.read_bytes()
    file.write_bytes(before.replace(b'"major": 18', b'"major": 17'))
    try:
        assert file.read_bytes() != before
        assert invoke("db.url", "--safe", cwd=root).code == 0
    finally:
        repair(file, before)


@pytest.mark.parametrize("content", [b"", b"\0\0\0", b"eighteen"])
def test_a_damaged_version_of_the_data_is_told(root: Path, content: bytes) -> None:
    file = data_of(root) / "PG_VERSION"
    before = file.read_bytes()
    file.write_bytes(content)
    try:
        with pytest.raises(Unreachable, match="is damaged"):
            _stopped(root)._cluster.check_version()  # noqa: SLF001  a start of the server is not worth it
    finally:
        file.write_bytes(before)


def _stopped(root: Path) -> EmbeddedServer:
    return embedded(root)


def test_a_pipe_for_a_lock_or_a_pid_file_holds_nobody_up(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    (home / "18").mkdir(parents=True)
    os.mkfifo(home / "18" / "postmaster.pid")
    os.mkfifo(home / "lock")
    assert read_state(home).port == 0
    assert embedded(tmp_path).stop() is False
