"""A backfill waits for a standby that does not keep up, and goes on when it does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.backfills.project import project, run
from tests.invoke import invoke
from tests.poolers.programs import hot_standby
from tests.postgres_server import TestServer, start_server
from tests.running import eventually, rows, running

ROWS = 4_000
SLOW = 'aegisdb.backfill("a_1", set="y = x * 2 + length(pg_sleep(0.001)::text)", where="y IS NULL", {})'
PACE = "share=0.5, hold=0.02, max_lag=2"
"""With the sleeps, 8 seconds at least on any machine: longer than the standby may be behind."""


@pytest.fixture
def primary() -> Iterator[TestServer]:
    """A server of this module's own."""
    running_server = start_server()
    yield running_server
    running_server.stop()


def walked(database: Address) -> int:
    return sum(int(str(found)) for (found,) in rows(database, "SELECT walked FROM aegisdb.backfills"))


@pytest.mark.timeout(900)
def test_it_waits_while_a_standby_is_behind(tmp_path: Path, primary: TestServer) -> None:
    database = primary.address
    project(tmp_path, database, SLOW.format(PACE))
    assert invoke("migrate.apply", "--service", "a", "--to", "a1", cwd=tmp_path).code == 0
    run(database, f"INSERT INTO a_1 (id, x) SELECT n, n FROM generate_series(1, {ROWS}) n")  # noqa: S608
    with hot_standby(primary) as standby, psycopg.connect(standby.address.url(), autocommit=True) as replica:
        assert eventually(lambda: bool(rows(database, "SELECT FROM pg_stat_replication WHERE state = 'streaming'")))
        replica.execute("SELECT pg_wal_replay_pause()")
        with running(tmp_path, "migrate.apply") as process:
            waits = "SELECT FROM pg_stat_activity WHERE query LIKE '%SET moved = clock_timestamp()%' AND state = 'idle'"
            assert eventually(lambda: bool(rows(database, waits)), 60), "no batch was followed by a wait"
            stands = walked(database)
            time.sleep(3)  # it looks each second
            assert stands == walked(database) < ROWS
            replica.execute("SELECT pg_wal_replay_resume()")
            _, err = process.communicate(timeout=600)
            assert process.returncode == 0, err
        assert rows(database, "SELECT count(y) FROM a_1") == [(ROWS,)]
