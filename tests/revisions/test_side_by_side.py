"""Histories that a fork looks at beside this process are those that one process reads."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aegisdb import background
from aegisdb.errors import HistoryError
from aegisdb.files import real_path
from aegisdb.registry import load
from aegisdb.revisions import load as reading
from aegisdb.revisions.cache import Listing
from aegisdb.revisions.history import History
from aegisdb.revisions.load import read_histories
from tests.monorepo import Rev, Svc, build_monorepo, write

if TYPE_CHECKING:
    from aegisdb.registry.types import Registry

pytestmark = [pytest.mark.child, pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")]
NAMES = [f"s{number}" for number in range(6)]


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    built = {name: Svc(revisions=(Rev(id=f"{name}a"), Rev(id=f"{name}b", parent=f"{name}a"))) for name in NAMES}
    build_monorepo(tmp_path, built, url="postgresql://u@localhost/x")
    monkeypatch.setattr(reading, "_WORTH_A_FORK", 1)
    monkeypatch.setattr(reading, "_NEW_WORTH_A_FORK", 1)
    monkeypatch.setattr(background, "may_fork", lambda: True)
    age(tmp_path)
    return load(tmp_path / "services.yaml", {})


def age(root: Path) -> None:
    for path in root.rglob("*"):
        if ".aegisdb" not in path.parts:
            os.utime(path, (1_700_000_000, 1_700_000_000))


def told(histories: dict[str, History | HistoryError]) -> dict[str, Any]:
    """All of each, as plain data."""
    return {
        name: (one.message, one.where)
        if isinstance(one, HistoryError)
        else (dict(one.revisions), one.heads, one.summary, one.beside, one.listing, one.locations, one.version_table)
        for name, one in histories.items()
    }


def alone(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What one process reads, of which nothing is kept."""
    kept, aside = registry.state / "cache", registry.state / "aside"
    if kept.exists():
        kept.rename(aside)
    with monkeypatch.context() as patched:
        patched.setattr(background, "may_fork", lambda: False)
        found = told(read_histories(registry))
    shutil.rmtree(kept)
    if aside.exists():
        aside.rename(kept)
    return found


def looked_here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the services whose folders this process looks at from now on."""
    names: list[str] = []

    def counting(directories: dict[str, None], **given: Any) -> Listing:
        names.extend(Path(directory).parts[-3] for directory in directories)
        return Listing(directories, **given)

    monkeypatch.setattr(reading, "Listing", counting)
    return names


def versions(registry: Registry, name: str) -> Path:
    return registry.root / "services" / name / "alembic" / "versions"


def test_first_and_again(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, here = alone(registry, monkeypatch), looked_here(monkeypatch)
    for _ in range(2):
        here.clear()
        assert told(read_histories(registry)) == expected
        assert here == NAMES[::2]
    # both halves were kept, with the places of each
    monkeypatch.setattr(reading, "scan", None)
    monkeypatch.setattr("aegisdb.revisions.locate._Options", None)
    assert told(read_histories(registry)) == expected
    monkeypatch.setattr(background, "may_fork", lambda: False)
    assert told(read_histories(registry)) == expected


@pytest.mark.parametrize("name", ["s2", "s3"])
def test_what_changes_is_seen_whoever_looks(registry: Registry, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    read_histories(registry)
    folder = versions(registry, name)
    before = (folder / f"{name}b.py").read_text()
    for edit in (
        lambda: write(folder / f"{name}b.py", before.replace("pass", "return")),  # in place
        lambda: write(folder / f"{name}c.py", f'revision = "{name}c"\ndown_revision = "{name}b"\n'),
        (folder / f"{name}c.py").unlink,
        lambda: write(folder / f"{name}b.py", before.replace(f'"{name}a"', f'"{name}z"')),  # no such parent
        lambda: write(folder / f"{name}b.py", before),
        lambda: folder.rename(folder.with_name("elsewhere")),
    ):
        edit()
        age(registry.root)
        assert told(read_histories(registry)) == alone(registry, monkeypatch)


@pytest.mark.parametrize("name", ["s2", "s3"])
def test_ids_that_only_running_the_file_tells(registry: Registry, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    write(versions(registry, name) / f"{name}a.py", f'revision = "".join(("{name}", "a"))\ndown_revision = None\n')
    age(registry.root)
    found, expected = told(read_histories(registry)), alone(registry, monkeypatch)
    assert list(found[name][0]) == [f"{name}a", f"{name}b"]
    assert found.pop(name)[:4] == expected.pop(name)[:4]  # its listing also tells what Python was made of meanwhile
    assert found == expected


def test_a_fork_that_is_killed(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, here = alone(registry, monkeypatch), os.getpid()

    def killed(path: str) -> str:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return real_path(path)

    monkeypatch.setattr(reading, "real_path", killed)
    assert told(read_histories(registry)) == expected


def test_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEGIS_ONE_PROCESS", "1")
    assert not background.may_fork()
