"""Two commands that make the database at once, as in two terminals: both end well, and nothing is made twice."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisdb.postgres import databases, markers
from aegisdb.postgres.locks import holder, replacing_lock
from tests.postgres_server import TestServer
from tests.running import eventually, start
from tests.workflows.project import Project, project


@pytest.fixture
def shop(tmp_path: Path, server: TestServer) -> Iterator[Project]:
    """A project whose database does not exist yet."""
    address = server.address.with_database(f"at_once_{abs(hash(tmp_path)):x}")
    with databases.maintenance(address) as conn:
        databases.create(conn, address.database)
    with project(tmp_path, address, kind=None) as made:
        with databases.maintenance(address) as conn:
            databases.drop(conn, address.database)
        yield made
        with databases.maintenance(address) as conn:
            databases.drop(conn, address.database, force=True)


def told(run: subprocess.Popen[str], said: str) -> str:
    """Read stderr up to a line with `said`."""
    assert run.stderr
    seen = ""
    for line in run.stderr:
        seen += line
        if said in line:
            return seen
    raise AssertionError(seen)


def test_two_prepares_make_one_database(shop: Project) -> None:
    first = start(shop.root, "db.prepare", "--format", "json", env=shop.env)
    assert eventually(lambda: "db.prepare" in str(holder(shop.address)))
    second = start(shop.root, "db.prepare", "--format", "json", env=shop.env)
    outs = [run.communicate(timeout=120) for run in (first, second)]
    assert [run.returncode for run in (first, second)] == [0, 0], outs
    assert [json.loads(out)["result"]["did"] for out, _ in outs] == ["made", "nothing"]
    assert not any("before-reset" in name for name in shop.databases())
    assert (shop.orphans(), shop.sessions()) == ((), 0)


def test_a_prepare_that_waited_keeps_what_somebody_made_meanwhile(shop: Project) -> None:
    with replacing_lock(shop.address, wait=0, command="db.prepare"):
        run = start(shop.root, "db.prepare", "--format", "json", env=shop.env)
        told(run, "wait for the lock")
        with databases.maintenance(shop.address) as conn:
            databases.create(conn, shop.address.database)
        shop.write("made meanwhile")
    out, err = run.communicate(timeout=120)
    assert run.returncode == 0, err
    assert json.loads(out)["result"]["did"] == "migrated"
    assert shop.text() == "made meanwhile"


def test_a_prepare_that_waits_too_long_names_the_holder(shop: Project) -> None:
    with replacing_lock(shop.address, wait=0, command="db.prepare"):
        ran = shop.invoke("db.prepare", "--lock-wait", "0")
    assert ran.code == 4
    assert "locked by db.prepare" in ran.last
    assert shop.databases() == set()


@pytest.mark.parametrize("ours", [False, True], ids=["shared", "ours"])
def test_a_reset_that_waited_asks_again_what_it_would_replace(shop: Project, *, ours: bool) -> None:
    """When it looked first there was nothing to protect; what is there now needs a proof like any other."""
    with replacing_lock(shop.address, wait=0, command="migrate.apply"):
        run = start(shop.root, "db.reset", "--format", "json", env=shop.env)
        told(run, "wait for the lock")
        with databases.maintenance(shop.address) as conn:
            databases.create(conn, shop.address.database)
            if ours:
                markers.mark(conn, shop.address.database, "test")
        shop.write("made meanwhile")
    out, err = run.communicate(timeout=120)
    assert run.returncode == (0 if ours else 3), err
    if ours:
        assert json.loads(out)["result"]["proof"].startswith("P3")
        assert any("before-reset" in name for name in shop.databases())
    else:
        assert json.loads(out)["errors"][0]["code"] == "shared"
    assert shop.text() == ("fresh" if ours else "made meanwhile")


def test_two_resets_wait_for_each_other(shop: Project) -> None:
    assert shop.invoke("db.prepare").code == 0
    with databases.maintenance(shop.address) as conn:
        markers.mark(conn, shop.address.database, "test")
    shop.write("old")
    runs = [start(shop.root, "db.reset", "--format", "json", env=shop.env) for _ in range(2)]
    outs = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outs
    assert shop.text() == "fresh"
    assert (shop.orphans(), shop.sessions()) == ((), 0)
