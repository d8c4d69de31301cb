"""One deploy file and two runs at once: whatever the server ends meanwhile, it runs once."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.postgres.lock_holder import holder
from tests.deploy.test_deploy import put
from tests.invoke import invoke
from tests.running import eventually, nothing_left, running, start
from tests.seeds.shop import make_shop, query

SLOW = "SELECT pg_sleep(3);\nCREATE TABLE IF NOT EXISTS run_count (n int);\nINSERT INTO run_count VALUES (1);\n"
ASLEEP = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'aegisdb: a.sql' AND wait_event = 'PgSleep'"
ENDS_IDLE = ("idle_session_timeout", "idle_in_transaction_session_timeout")


@pytest.fixture
def root(tmp_path: Path, database: Address) -> Path:
    """A registry with one deploy file that takes a while."""
    make_shop(tmp_path, database, "[]", deploy="deploy")
    (tmp_path / "deploy").mkdir()
    put(tmp_path, a=SLOW)
    return tmp_path


def test_two_runs_on_a_server_that_ends_idle_sessions(root: Path, database: Address) -> None:
    with connect(database) as conn:
        for name in ENDS_IDLE:
            conn.execute(f"ALTER DATABASE {database.database} SET {name} = '1s'")
    with running(root, "deploy.apply") as first:
        assert eventually(lambda: bool(query(database, ASLEEP)))
        second = start(root, "deploy.apply")
        ended = [run.communicate(timeout=120) for run in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], ended
    assert query(database, "SELECT count(*) FROM run_count") == [(1,)]
    assert nothing_left(database)


def test_a_file_that_ends_after_the_lock_was_lost_is_rolled_back(root: Path, database: Address) -> None:
    with running(root, "deploy.apply") as run:
        assert eventually(lambda: bool(query(database, ASLEEP)))
        found = holder(database)
        assert found is not None
        query(database, f"SELECT pg_terminate_backend({found.pid})")
        _, err = run.communicate(timeout=120)
    assert (run.returncode, "error[lock_lost]" in err) == (4, True), err
    assert query(database, "SELECT to_regclass('run_count'), count(*) FROM aegisdb.deploy_ledger") == [(None, 0)]
    assert invoke("deploy.apply", cwd=root).code == 0
    assert nothing_left(database)
