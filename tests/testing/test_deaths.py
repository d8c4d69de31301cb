"""Runs of pytest that are killed or interrupted leave no database for ever."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.running import children, eventually
from tests.testing.conftest import Child

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.child

HANGS = """
import time
import pytest

@pytest.mark.parametrize("n", range(4))
def test_hangs(aegis_db, aegis_db_session, n):
    aegis_db_session.connection()
    with open(f"ready{n}", "w"):
        time.sleep(600)
"""
AFTER = "def test_after(aegis_db):\n    pass\n"


def begin(child: Child, *words: str, workers: int = 1) -> subprocess.Popen[bytes]:
    """Start a run whose tests hang, and wait until they do, with clones made ahead."""
    child.pytester.makepyfile(test_hangs=HANGS)
    argv = child.pytester._getpytestargs()  # noqa: SLF001  what runpytest_subprocess starts
    run: subprocess.Popen[bytes] = child.pytester.popen(
        [*argv, *child.argv(*words, "test_hangs.py")], stdin=subprocess.DEVNULL, start_new_session=True
    )
    assert eventually(lambda: len(list(child.root.glob("ready*"))) == workers and len(child.left()) >= 3 * workers)
    return run


def ended(run: subprocess.Popen[bytes]) -> None:
    run.communicate(timeout=60)


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_the_next_run_drops_what_is_left(child: Child, workers: int) -> None:
    run = begin(child, *(("-n", "2") if workers == 2 else ()), workers=workers)
    for pid in (run.pid, *children(run.pid)):
        os.kill(pid, signal.SIGKILL)
    ended(run)
    left = child.left()
    assert len(left) >= 3 * workers
    assert eventually(lambda: set(child.project.orphans()) == left)
    child.pytester.makepyfile(test_after=AFTER)
    child.passes("test_after.py", passed=1)
    assert child.left() == set()


def test_killed_doctor_names_what_is_left_and_drops_it(child: Child) -> None:
    run = begin(child)
    os.kill(run.pid, signal.SIGKILL)
    ended(run)
    left = child.left()
    assert eventually(lambda: set(child.project.orphans()) == left)
    found = child.project.invoke("doctor", "--format", "json").json["result"]["findings"]
    assert {one["subject"] for one in found if one["check"] == "orphan"} == left
    child.project.invoke("doctor", "--fix")
    assert child.left() == set()


def test_a_living_runs_databases_are_nobodys_orphans(child: Child) -> None:
    run = begin(child)
    left = child.left()
    assert child.project.orphans() == ()
    child.pytester.makepyfile(test_after=AFTER)
    child.passes("test_after.py", passed=1)
    child.project.invoke("doctor", "--fix")
    child.project.invoke("db.cache", "--drop")
    assert child.left() == left
    run.send_signal(signal.SIGINT)
    ended(run)
    assert child.left() == set()


@pytest.mark.parametrize("words", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_interrupted_it_drops_its_databases(child: Child, words: tuple[str, ...]) -> None:
    run = begin(child, *words, workers=2 if words else 1)
    os.killpg(run.pid, signal.SIGINT)  # as Ctrl-C in a terminal
    ended(run)
    assert eventually(lambda: child.left() == set(), 20), child.left()


def test_sessions_that_the_server_ends_cost_one_test_at_most(child: Child) -> None:
    """The thread's session holds the locks; without it the next clones have a new one."""
    child.pytester.makepyfile(
        test_ended="""
import psycopg, pytest, time

def test_ends_ours(aegis_db):
    time.sleep(1)
    with psycopg.connect(aegis_db.url, autocommit=True) as conn:
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres'"
                     " AND application_name = 'aegisdb: pytest'")

@pytest.mark.parametrize("n", range(6))
def test_next(aegis_db, n):
    with psycopg.connect(aegis_db.url, autocommit=True) as conn:
        assert conn.execute("SELECT count(*) FROM shop_items").fetchone() == (0,)
"""
    )
    ran = child.run("test_ended.py")
    outcomes = ran.parseoutcomes()
    assert outcomes.get("passed", 0) >= 6, ran.stdout.str()
    child.pytester.makepyfile(test_after=AFTER)
    child.passes("test_after.py", passed=1)
    assert child.left() == set()
