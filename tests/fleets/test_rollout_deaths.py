"""A rollout that dies, and is resumed: each member is migrated exactly once, and nothing is left behind.

`AEGIS_ALL_DEATHS=1` takes all twenty points of `deaths.py`; otherwise one of each kind that needs a server of its own.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.fleets.deaths import (
    AFTER_BLOCK,
    ALTERED,
    DEATHS,
    IN_BLOCK,
    PER_SERVER,
    SHOP,
    STAGES,
    Death,
    left_behind,
    named_sessions,
    reached,
    sessions,
    strike,
)
from tests.fleets.tenants import NAMES, Tenants, tenants
from tests.postgres_server import TestServer, start_server
from tests.running import children, eventually, gone, looking, rows, running, versions

SAMPLE = (Death("coordinator", AFTER_BLOCK), Death("worker", IN_BLOCK), Death("server", ALTERED))
CHOSEN = DEATHS if os.environ.get("AEGIS_ALL_DEATHS") == "1" else SAMPLE


@pytest.fixture(scope="module")
def own() -> Iterator[TestServer]:
    server = start_server()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def project(own: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    with tenants(tmp_path_factory.mktemp("fleet"), own.address, SHOP, to="a1") as made:
        made.change(stages=STAGES, per_server=PER_SERVER)
        yield made


@pytest.fixture
def fleet(project: Tenants) -> Tenants:
    for name in NAMES:
        project.drop(name)
        project.make(name)
    return project


@contextmanager
def watched(fleet: Tenants) -> Iterator[list[list[str]]]:
    """How many sessions there were on members, looked at all the while."""
    seen: list[list[str]] = [[]]

    def look() -> None:
        try:
            seen.append(named_sessions(fleet))
        except Exception:  # noqa: BLE001  the server is down: then there are none
            seen.append([])

    with looking(look):
        yield seen


def identifier_of(fleet: Tenants) -> str:
    found = sorted((fleet.root / ".aegisdb" / "rollouts").glob("*.json"), key=lambda path: path.stat().st_mtime)
    return found[-1].stem if found else ""


def states(ran: Any) -> dict[str, str]:
    return {one["name"]: one["state"] for one in ran.json["result"]["members"]}


def decide(fleet: Tenants, identifier: str) -> None:
    """Decide about members that died in the middle, as a person would: what has begun is ended by hand."""
    assert eventually(lambda: not sessions(fleet))  # what a server has begun it ends, whoever has gone
    asked = fleet.invoke("rollout.status", identifier, "--format", "json")
    for name in (name for name, state in states(asked).items() if state == "decide"):
        how = "--rolled-back"
        if rows(fleet.database(name), "SELECT FROM shop_runs"):
            fleet.execute(name, "ALTER TABLE shop_items ADD IF NOT EXISTS price int")
            how = "--applied"
        done = fleet.invoke("migrate.resolve", "--target", f"tenants/{name}", "--service", "shop", how)
        assert done.code == 0, done.err


def dies(fleet: Tenants, server: TestServer, death: Death) -> set[int]:
    """Begin a rollout, let it die, and return every process that it had."""
    with running(fleet.root, "rollout.start", "--fleet", "tenants", env=fleet.env) as begun:
        assert eventually(lambda: reached(fleet, death.moment) or begun.poll() is not None)
        assert begun.poll() is None, begun.communicate()
        processes = {begun.pid, *children(begun.pid)}
        wake = strike(fleet, server, death, begun.pid)
        if "stopped" in death.victim:
            _another_goes_on_meanwhile(fleet)
        wake()
        try:
            begun.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it hangs after {death}") from None
        processes |= {*children(begun.pid)}
    return processes


def _another_goes_on_meanwhile(fleet: Tenants) -> None:
    """A second coordinator meets the lock of the one that was stopped, and begins with none of its members."""
    before = {name: str(rows(fleet.database(name), "SELECT count(*) FROM shop_runs")) for name in NAMES}
    other = fleet.invoke("rollout.resume", identifier_of(fleet), "--lock-wait", "1", "--format", "json")
    assert other.code != 0
    assert "done" not in {states(other)[name] for name in NAMES if before[name] == "[(0,)]"}


@pytest.mark.parametrize("death", CHOSEN, ids=str)
def test_who_dies_is_followed_by_a_resume_that_ends_it(fleet: Tenants, own: TestServer, death: Death) -> None:
    before = identifier_of(fleet)
    with watched(fleet) as seen:
        processes = dies(fleet, own, death)
        identifier = identifier_of(fleet)
        if identifier == before:  # it died before anything was claimed: nobody knows of it
            ended = fleet.invoke("rollout.start", "--fleet", "tenants", "--format", "json")
        else:
            decide(fleet, identifier)
            ended = fleet.invoke("rollout.resume", identifier, "--format", "json")
    assert ended.code == 0, ended.err
    assert states(ended) == dict.fromkeys(NAMES, "done")
    for name in NAMES:
        database = fleet.database(name)
        assert (rows(database, "TABLE shop_runs"), versions(database, "shop")) == ([("a2",)], ["a2"]), name
        with psycopg.connect(database.url()) as conn:
            assert conn.execute("SELECT price FROM shop_items").fetchall() == []
    assert left_behind(fleet) == []
    assert eventually(lambda: gone(processes), 20)
    most = max(seen, key=len)
    looking = PER_SERVER + 1 if "stopped" in death.victim else 0  # a second coordinator looks at all members first
    assert len(most) <= PER_SERVER * 3 + looking, "\n".join(most)
