"""`draw_password`: the embedded server has a password of its own, and the one that stands in git is refused."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.postgres_server import free_port
from tests.servers.projects import home_of

PUBLIC = "in_every_clone"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A project whose password stands in services.yaml; its server is stopped at the end."""
    write(tmp_path, free_port(), draws=True)
    yield tmp_path
    assert invoke("db.down", "--volumes", "--yes", cwd=tmp_path).code in {0, 2}


def write(root: Path, port: int, *, draws: bool) -> None:
    (root / "services.yaml").write_text(
        "version: 1\nproject: aegis\n"
        f"targets: {{t: {{server: embedded, port: {port}, draw_password: {str(draws).lower()}}}}}\n"
        f"database: {{name: aegis, user: aegis, password: '{PUBLIC}'}}\n"
    )


def logs_in(address: Address, password: str) -> bool:
    try:
        psycopg.connect(
            host=address.host, port=address.port, user="aegis", password=password, dbname="postgres"
        ).close()
    except psycopg.OperationalError as error:
        if "password" not in str(error):
            raise
        return False
    return True


def url(root: Path) -> Address:
    ran = invoke("db.url", cwd=root)
    assert ran.code == 0, ran.err
    return Address.from_url(ran.out.strip())


def test_the_drawn_one_is_used_and_the_public_one_is_refused(project: Path) -> None:
    assert (ran := invoke("db.reset", cwd=project)).code == 0, ran.err
    address = url(project)
    drawn = address.password.reveal()
    assert drawn not in ran.out + ran.err
    assert len(drawn) == 43
    assert logs_in(address, drawn)
    assert not logs_in(address, PUBLIC)
    file = home_of(project) / "password"
    assert file.read_text() == f"{drawn}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert drawn not in invoke("db.url", "--safe", cwd=project).out
    assert (again := invoke("db.up", cwd=project)).code == 0, again.err
    assert url(project) == address


def test_a_server_that_was_there_gets_it_and_may_lose_it_again(project: Path) -> None:
    port = free_port()
    write(project, port, draws=False)
    assert invoke("db.up", cwd=project).code == 0
    assert logs_in(url(project), PUBLIC)
    write(project, port, draws=True)
    missing = invoke("db.url", cwd=project)
    assert (missing.code, "invoke db.up" in missing.err) == (7, True)
    assert invoke("db.up", cwd=project).code == 0
    assert not logs_in(url(project), PUBLIC)
    write(project, port, draws=False)
    assert invoke("db.up", cwd=project).code == 0
    assert logs_in(url(project), PUBLIC)


@pytest.mark.parametrize("damage", ["gone", "half", "empty", "garbage", "a directory", "readable"])
def test_a_file_that_is_not_whole_is_said_and_drawn_anew(project: Path, damage: str) -> None:
    assert (ran := invoke("db.up", cwd=project)).code == 0, ran.err
    before, file = url(project), home_of(project) / "password"
    if damage in {"gone", "a directory"}:
        file.unlink()
    if damage == "a directory":
        (file / "in it").mkdir(parents=True)
    elif damage == "readable":
        file.chmod(0o644)
    elif damage != "gone":
        file.write_text({"half": file.read_text()[:20], "empty": "", "garbage": "\0" * 44}[damage])
    if damage != "readable":
        for command in ("db.url", "db.wait --timeout 0", "db.shell"):
            told = invoke(*command.split(), cwd=project)
            assert told.code == 7, told.err
            assert "invoke db.up" in told.err
    assert (ran := invoke("db.up", cwd=project)).code == 0, ran.err
    after = url(project)
    assert after.password != before.password
    assert logs_in(after, after.password.reveal())
    assert not logs_in(after, before.password.reveal())
    assert not logs_in(after, "")
