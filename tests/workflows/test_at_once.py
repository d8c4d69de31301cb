"""Two commands that make the database at once, as in two terminals: both end well, and nothing is made twice."""

from __future__ import annotations

import json
import subprocess

import pytest

from aegisdb.postgres import databases, markers
from aegisdb.postgres.lock_holder import holder
from aegisdb.postgres.locks import replacing_lock
from tests.running import eventually, start
from tests.workflows.project import Project


def told(run: subprocess.Popen[str], said: str) -> str:
    """Read stderr up to a line with `said`."""
    assert run.stderr
    seen = ""
    for line in run.stderr:
        seen += line
        if said in line:
            return seen
    raise AssertionError(seen)


def test_two_prepares_make_one_database(unmade_shop: Project) -> None:
    first = start(unmade_shop.root, "db.prepare", "--format", "json", env=unmade_shop.env)
    assert eventually(lambda: "db.prepare" in str(holder(unmade_shop.address)))
    second = start(unmade_shop.root, "db.prepare", "--format", "json", env=unmade_shop.env)
    outs = [run.communicate(timeout=120) for run in (first, second)]
    assert [run.returncode for run in (first, second)] == [0, 0], outs
    assert [json.loads(out)["result"]["did"] for out, _ in outs] == ["made", "nothing"]
    assert not any("before-reset" in name for name in unmade_shop.databases())
    assert eventually(lambda: (unmade_shop.orphans(), unmade_shop.sessions()) == ((), 0))


def test_a_prepare_that_waited_keeps_what_somebody_made_meanwhile(unmade_shop: Project) -> None:
    with replacing_lock(unmade_shop.address, wait=0, command="db.prepare"):
        run = start(unmade_shop.root, "db.prepare", "--format", "json", env=unmade_shop.env)
        told(run, "wait for the lock")
        with databases.maintenance(unmade_shop.address) as conn:
            databases.create(conn, unmade_shop.address.database)
        unmade_shop.write("made meanwhile")
    out, err = run.communicate(timeout=120)
    assert run.returncode == 0, err
    assert json.loads(out)["result"]["did"] == "migrated"
    assert unmade_shop.text() == "made meanwhile"


def test_a_prepare_that_waits_too_long_names_the_holder(unmade_shop: Project) -> None:
    with replacing_lock(unmade_shop.address, wait=0, command="db.prepare"):
        ran = unmade_shop.invoke("db.prepare", "--lock-wait", "0")
    assert ran.code == 4
    assert "locked by db.prepare" in ran.last
    assert unmade_shop.databases() == set()


@pytest.mark.parametrize("ours", [False, True], ids=["shared", "ours"])
def test_a_reset_that_waited_asks_again_what_it_would_replace(unmade_shop: Project, *, ours: bool) -> None:
    """When it looked first there was nothing to protect; what is there now needs a proof like any other."""
    with replacing_lock(unmade_shop.address, wait=0, command="migrate.apply"):
        run = start(unmade_shop.root, "db.reset", "--format", "json", env=unmade_shop.env)
        told(run, "wait for the lock")
        with databases.maintenance(unmade_shop.address) as conn:
            databases.create(conn, unmade_shop.address.database)
            if ours:
                markers.mark(conn, unmade_shop.address.database, "test")
        unmade_shop.write("made meanwhile")
    out, err = run.communicate(timeout=120)
    assert run.returncode == (0 if ours else 3), err
    if ours:
        assert json.loads(out)["result"]["proof"].startswith("P3")
        assert any("before-reset" in name for name in unmade_shop.databases())
    else:
        assert json.loads(out)["errors"][0]["code"] == "shared"
    assert unmade_shop.text() == ("fresh" if ours else "made meanwhile")


def test_two_resets_wait_for_each_other(unmade_shop: Project) -> None:
    assert unmade_shop.invoke("db.prepare").code == 0
    with databases.maintenance(unmade_shop.address) as conn:
        markers.mark(conn, unmade_shop.address.database, "test")
    unmade_shop.write("old")
    runs = [start(unmade_shop.root, "db.reset", "--format", "json", env=unmade_shop.env) for _ in range(2)]
    outs = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outs
    assert unmade_shop.text() == "fresh"
    assert eventually(lambda: (unmade_shop.orphans(), unmade_shop.sessions()) == ((), 0))
