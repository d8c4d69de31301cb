"""Rollouts on Dask: each member once, whoever is killed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisdb.postgres import databases
from aegisdb.postgres.connection import connect
from tests.engines.workers import kill_workers
from tests.fleets.tenants import NAMES, Tenants, tenants
from tests.fleets.test_rollout import SHOP, STAGES, _decide, runs, sessions, states
from tests.postgres_server import TestServer
from tests.running import eventually, gone, running

WORDS = ("rollout.start", "--fleet", "tenants", "--engine", "dask:local:2", "--format", "json")


@pytest.fixture
def fleet(server: TestServer, tmp_path: Path) -> Iterator[Tenants]:
    with tenants(tmp_path, server.address, SHOP, to="a1") as made:
        made.change(stages=STAGES)
        yield made


def claimed(fleet: Tenants) -> bool:
    """Whether a turn has begun in the first member."""
    with connect(fleet.database(NAMES[0])) as conn:
        return conn.value("SELECT to_regclass('aegisdb.rollouts')::text") is not None


def nothing_is_left(fleet: Tenants) -> bool:
    with databases.maintenance(fleet.maintenance) as conn:
        locks = conn.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database IS NOT NULL")
    return sessions(fleet) == 0 and locks == 0


def test_workers_take_the_turns(fleet: Tenants) -> None:
    with running(fleet.root, *WORDS, env=fleet.env) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    found = {one["name"]: one["state"] for one in json.loads(out)["result"]["members"]}
    assert found == dict.fromkeys(NAMES, "done")
    assert runs(fleet) == dict.fromkeys(NAMES, 1)
    assert eventually(lambda: nothing_is_left(fleet))


@pytest.mark.parametrize(("after", "failures"), [(0, 0), (1, 3)])
def test_workers_that_are_killed_migrate_no_member_twice(fleet: Tenants, after: int, failures: int) -> None:
    """With no failure allowed Dask gives up at once; else it begins the same turn again."""
    env = {**fleet.env, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(failures)}
    with running(fleet.root, *WORDS, env=env) as process:
        assert eventually(lambda: sum(runs(fleet).values()) >= after and claimed(fleet))
        killed, below = kill_workers(process.pid)
        process.communicate(timeout=180)
    assert len(killed) == 2
    assert eventually(lambda: gone(killed | below))
    most = runs(fleet)
    assert max(most.values()) <= 1
    (kept,) = (fleet.root / ".aegisdb" / "rollouts").glob("*.json")
    _decide(fleet, kept.stem)
    done = fleet.invoke("rollout.resume", kept.stem, "--format", "json")
    assert (done.code, states(done)) == (0, dict.fromkeys(NAMES, "done")), done.err
    assert runs(fleet) == dict.fromkeys(NAMES, 1)
    assert eventually(lambda: nothing_is_left(fleet))


def test_ctrl_c_waits_for_turns_that_have_begun(fleet: Tenants) -> None:
    with running(fleet.root, *WORDS, env=fleet.env) as process:
        assert eventually(lambda: sum(runs(fleet).values()) >= 1)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    found = {one["name"]: one["state"] for one in json.loads(out)["result"]["members"]}
    assert set(found.values()) <= {"done", "not begun"}
    migrated = {name for name, count in runs(fleet).items() if count}
    assert {name for name, state in found.items() if state == "done"} == migrated
    # a wish that was there before is none about the run that goes on; workers are told so
    (kept,) = (fleet.root / ".aegisdb" / "rollouts").glob("*.json")
    assert fleet.invoke("rollout.stop", kept.stem).code == 0
    with running(fleet.root, "rollout.resume", kept.stem, *WORDS[3:], env=fleet.env) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert {one["state"] for one in json.loads(out)["result"]["members"]} == {"done"}
    assert runs(fleet) == dict.fromkeys(NAMES, 1)
