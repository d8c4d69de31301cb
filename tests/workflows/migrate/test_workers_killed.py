"""Workers of an engine that are killed in the midst of a plan, a verify or a lint: the report is that of none."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.engines.workers import kill_workers
from tests.invoke import invoke
from tests.monorepo import write
from tests.postgres_server import TestServer
from tests.running import eventually, gone, nothing_left, running
from tests.workflows.migrate.plan_services import FIRST, add_pending, plan_place
from tests.workflows.migrate.test_roundtrip_elsewhere import scratch, timeless

pytestmark = pytest.mark.child
HELD = """
import os
import time
from pathlib import Path

here = Path(__file__).parents[2]
command = os.environ.get("HELD_AS")


def hold(*_, **__):
    if command and (here / "hold").exists():
        (here / f"begun-{command}").touch()
        while (here / "hold").exists():
            time.sleep(0.02)


class Thing(Base):
    __tablename__ = "NAME_wanted"
    id: Mapped[int] = mapped_column(primary_key=True)


if command == "verify":  # which runs revisions itself, and only builds models elsewhere
    sa.event.listen(Base.metadata, "before_create", hold)
else:
    hold()
"""
"""Models that are not imported, or not built, to their end while a file is there; revisions build something else."""
COMMANDS = {
    "plan": (("migrate.plan",), 0),
    "verify": (("migrate.verify",), 6),
    "lint": (("migrate.lint", "--all"), 6),
}
"""What is typed, and its exit code."""


@pytest.fixture(scope="module")
def place(server: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Address]]:
    with server.own_database("killed") as address:
        root = plan_place(tmp_path_factory.mktemp("killed"), address.url(), "killed")
        assert invoke("migrate.apply", cwd=root).code == 0
        with psycopg.connect(address.url(), autocommit=True) as conn:
            conn.execute("ALTER TABLE shop_t ADD by_hand int")
        add_pending(root)
        for name in FIRST:
            models = root / "services" / name / "models.py"
            write(models, models.read_text() + HELD.replace("NAME", name))
        yield root, address


def test_workers_that_are_killed_change_nothing(place: tuple[Path, Address]) -> None:
    """Three commands beside each other, since each waits for Dask to start workers anew."""
    root, address = place
    words = {name: (*typed, "--format", "json") for name, (typed, _) in COMMANDS.items()}
    expected = {name: invoke(*typed, cwd=root) for name, typed in words.items()}
    assert {name: ran.code for name, ran in expected.items()} == {name: code for name, (_, code) in COMMANDS.items()}
    _forget(root)
    (root / "hold").touch()
    with ExitStack() as ending:
        begun = {}
        for name, typed in words.items():  # a plan wants the database for itself, to copy it
            begun[name] = ending.enter_context(_begun(root, name, *typed))
            assert eventually((root / f"begun-{name}").exists)
        killed = {name: kill_workers(process.pid) for name, process in begun.items()}
        (root / "hold").unlink()
        told = {name: process.communicate(timeout=180) for name, process in begun.items()}
    for name, process in begun.items():
        out, err = told[name]
        assert len(killed[name][0]) == 2, name
        ended = process.returncode, timeless(json.loads(out))
        assert ended == (expected[name].code, timeless(expected[name].json)), err
        assert "the engine does not know how it ended (KilledWorker" in err
        assert not re.search("Traceback|Warning", err), err  # two clusters want the same ports
    assert eventually(lambda: gone({pid for several in killed.values() for pids in several for pid in pids}))
    assert nothing_left(address)
    assert eventually(lambda: not scratch(address))


def _begun(root: Path, name: str, *words: str) -> AbstractContextManager[subprocess.Popen[str]]:
    # Dask gives a part up whose worker died once, and the product asks again
    env = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0", "HELD_AS": name}
    return running(root, *words, "--engine", "dask:local:2", env=env)


def _forget(root: Path) -> None:
    """Let nothing be known of models and of lint that was found out before."""
    for folder in ("models", "lint"):
        # of files that have just been written nothing is kept
        shutil.rmtree(root / ".aegisdb" / "cache" / folder, ignore_errors=True)
