"""Rollouts whose turns last as long as a test wants: stopped from elsewhere, taken by a worker that stood still."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisdb.postgres.connection import connect
from tests.engines.cluster import cluster
from tests.fleets.tenants import NAMES, Tenants, tenants
from tests.fleets.test_rollout import runs, states
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, table
from tests.postgres_server import TestServer
from tests.running import children, eventually, rows, running, sleeping, versions

_UP = """\
with op.get_context().autocommit_block():
    op.execute("INSERT INTO shop_runs VALUES ('a2')")
    op.execute("DO $$ BEGIN WHILE EXISTS (SELECT FROM shop_hold) LOOP PERFORM pg_sleep(0.02); END LOOP; END $$")
op.execute("ALTER TABLE shop_items ADD price int")"""
SHOP = Svc(
    revisions=(
        Rev(
            id="a1",
            up=table("shop_items")
            + '\nop.execute("CREATE TABLE shop_runs (revision text); CREATE TABLE shop_hold (held int)")',
            down='op.execute("DROP TABLE shop_items, shop_runs, shop_hold")',
        ),
        Rev(
            id="a2",
            up=_UP,
            down="op.execute(\"ALTER TABLE shop_items DROP price; DELETE FROM shop_runs WHERE revision = 'a2'\")",
        ),
    )
)
TIME_TO_LIVE = "2s"


@pytest.fixture
def fleet(server: TestServer, tmp_path: Path) -> Iterator[Tenants]:
    with tenants(tmp_path / "here", server.address, SHOP, to="a1") as made:
        yield made


def hold(fleet: Tenants, *names: str) -> None:
    for name in names:
        fleet.execute(name, "INSERT INTO shop_hold VALUES (1)")


def release(fleet: Tenants, *names: str) -> None:
    for name in names:
        fleet.execute(name, "DELETE FROM shop_hold")


def held(fleet: Tenants, name: str) -> bool:
    """Whether the member's turn waits for the test."""
    return sleeping(fleet.database(name), "shop_hold")


def test_a_stop_from_another_checkout_reaches_the_coordinator(fleet: Tenants, tmp_path: Path) -> None:
    fleet.change(stages=[{"name": "all", "parallel": 2, "per_server": 2}])
    hold(fleet, *NAMES)
    with running(fleet.root, "rollout.start", "--fleet", "tenants", "--format", "json", env=fleet.env) as begun:
        assert eventually(lambda: held(fleet, "acme") and held(fleet, "globex"))
        (kept,) = (fleet.root / ".aegisdb" / "rollouts").glob("*.json")
        shutil.copytree(fleet.root, tmp_path / "elsewhere", ignore=shutil.ignore_patterns(".aegisdb"))
        words = ("rollout.stop", kept.stem, "--format", "json")
        stopped = invoke(*words, cwd=tmp_path / "elsewhere", env=fleet.env)
        assert (stopped.code, stopped.json["result"]["told"]) == (0, list(NAMES)), stopped.err
        release(fleet, *NAMES)
        out, err = begun.communicate(timeout=120)
    ended = json.loads(out)["result"]
    assert (begun.returncode, ended["state"]) == (0, "stopped"), err
    expected = dict.fromkeys(NAMES, "not begun") | {"acme": "done", "globex": "done"}
    assert {one["name"]: one["state"] for one in ended["members"]} == expected
    assert f"rollout  {kept.stem}  stopped by " in " ".join(err.split("\n")) or "stopped by" in err
    for name in NAMES[2:]:
        assert rows(fleet.database(name), "SELECT to_regclass('aegisdb.rollouts')") == [(None,)]
    # what was wished before is no wish about this run
    done = fleet.invoke("rollout.resume", kept.stem, "--format", "json")
    assert (done.code, states(done)) == (0, dict.fromkeys(NAMES, "done")), done.err
    assert runs(fleet) == dict.fromkeys(NAMES, 1)
    again = invoke(*words, cwd=tmp_path / "elsewhere", env=fleet.env)
    assert (again.json["result"]["told"], again.json["result"]["ended"]) == ([], list(NAMES))


@pytest.mark.parametrize("failures", [0, 3])
def test_a_worker_that_stood_still_is_not_taken_for_dead(fleet: Tenants, tmp_path: Path, failures: int) -> None:
    """Dask gives its turn up (KilledWorker), or begins it again elsewhere; it ends well all the same, and once."""
    env = {
        **fleet.env,
        "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": TIME_TO_LIVE,
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(failures),
    }
    fleet.change(stages=[{"name": "all", "parallel": 2, "per_server": 2}])
    hold(fleet, "acme", "globex")
    with cluster(tmp_path, 2, env) as there:
        words = ("--engine", f"dask:{there.address}", "--lock-wait", "120", "--format", "json")
        with running(fleet.root, "rollout.start", "--fleet", "tenants", *words, env=env) as begun:
            assert eventually(lambda: held(fleet, "acme") and held(fleet, "globex"))
            ((pid,),) = rows(fleet.database("acme"), "SELECT pid FROM aegisdb.in_flight")
            (still,) = (one.pid for one in there.workers if pid in {one.pid, *children(one.pid)})
            os.kill(still, signal.SIGSTOP)
            assert eventually(lambda: "failed to heartbeat" in there.log.read_text())
            release(fleet, "globex")
            assert eventually(lambda: versions(fleet.database("globex"), "shop") == ["a2"])
            assert versions(fleet.database("acme"), "shop") == ["a1"]
            os.kill(still, signal.SIGCONT)
            release(fleet, "acme")
            out, err = begun.communicate(timeout=180)
    assert begun.returncode == 0, err
    found = {one["name"]: one["state"] for one in json.loads(out)["result"]["members"]}
    assert found == dict.fromkeys(NAMES, "done")
    assert runs(fleet) == dict.fromkeys(NAMES, 1)
    with connect(fleet.database("acme")) as conn:
        claims = conn.rows("SELECT outcome FROM aegisdb.rollouts ORDER BY attempt")
    assert claims == [("done",)] * (1 if failures == 0 else 2)
