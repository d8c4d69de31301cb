"""Faults 10, 11, 13, 14, 15 and 17 of docs/faults.md: several runs, and other people's sessions, at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo
from tests.running import eventually, five, nothing_left, rows, running, sleeping, versions

TRIALS = 10
EXTENSION = Rev(id="x", up="op.execute('CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\"')")
DOUBLE = """
with op.get_context().autocommit_block():
    op.execute("UPDATE a_1 SET id = id * 2")
"""
INDEX = """
with op.get_context().autocommit_block():
    op.execute("CREATE INDEX CONCURRENTLY a_1_id ON a_1 (id)")
"""
PATIENT = INDEX.replace("    op", "    op.execute('SET lock_timeout = 0')\n    op", 1)
"""It waits for as long as the test takes, which is more than the 5 s of a revision where the machine is busy."""
VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('a_1_id')"


@pytest.mark.slow
def test_10_and_11_runs_at_once_take_turns(tmp_path: Path, database: Address) -> None:
    """Ten trials: one service twice, whose data migration must run once, and another with the same extension."""
    fill = Rev(id="a1", up='op.execute("CREATE TABLE a_1 AS SELECT 100 AS id")')
    history = (EXTENSION, Rev(id="a1", up=fill.up, parent="x"), Rev(id="a2", up=DOUBLE))
    services = {"a": Svc(revisions=history), "b": Svc(revisions=(EXTENSION,))}
    build_monorepo(tmp_path, services, url=database.url())
    for trial in range(TRIALS):
        name = f"{database.database}_{trial}"
        address = database.with_database(name)
        with psycopg.connect(database.url(), autocommit=True) as conn:
            conn.execute(f"CREATE DATABASE {name}".encode())
            try:
                with ExitStack() as stack:
                    runs = [
                        stack.enter_context(
                            running(
                                tmp_path,
                                *("migrate.apply", "--service", service, "--accept", "missing-downgrade"),
                                env={"DATABASE_URL": address.url()},
                            )
                        )
                        for service in ("a", "b", "a")
                    ]
                    ended = [(run.communicate(timeout=120)[1], run.returncode) for run in runs]
                assert [code for _, code in ended] == [0, 0, 0], (trial, ended)
                assert rows(address, "TABLE a_1") == [(200,)]
                assert (versions(address, "a"), versions(address, "b")) == (["a2"], ["x"])
                assert eventually(lambda: nothing_left(address))  # noqa: B023  called in this round
            finally:
                conn.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_13_a_waiter_does_not_stop_an_index_that_is_built_concurrently(tmp_path: Path, database: Address) -> None:
    build_monorepo(tmp_path, {"a": Svc(revisions=five(PATIENT))}, url=database.url())
    assert invoke("migrate.apply", "--service", "a", "--to", "a2", cwd=tmp_path).code == 0
    with ExitStack() as stack:
        with psycopg.connect(database.url()) as writer:
            writer.execute("INSERT INTO a_1 VALUES (1)")  # keeps the index waiting until the waiter is there
            holder = stack.enter_context(running(tmp_path, "migrate.apply"))
            assert eventually(lambda: sleeping(database, "CREATE INDEX CONCURRENTLY"))
            waiter = stack.enter_context(running(tmp_path, "migrate.apply"))
            assert "half-applied" not in (status := invoke("migrate.status", cwd=tmp_path)).out + status.err
            waiting = (
                "SELECT FROM pg_stat_activity WHERE application_name LIKE 'aegisdb: migrate.apply%' AND state = 'idle'"
            )
            assert eventually(lambda: bool(rows(database, waiting)))
        ended = [run.communicate(timeout=120) for run in (holder, waiter)]
    assert [holder.returncode, waiter.returncode] == [0, 0], ended
    assert rows(database, VALID) == [(True,)]
    assert versions(database, "a") == ["a5"]
    assert nothing_left(database)


def test_14_readers_do_not_queue_behind_a_run_that_waits(tmp_path: Path, database: Address) -> None:
    services = {"a": Svc(revisions=five('op.execute("ALTER TABLE a_1 ADD n int")'))}
    build_monorepo(tmp_path, services, url=database.url())
    assert invoke("migrate.apply", "--service", "a", "--to", "a2", cwd=tmp_path).code == 0
    with psycopg.connect(database.url(), application_name="forgotten report") as blocker:
        blocker.execute("SELECT * FROM a_1")
        pid = blocker.info.backend_pid
        with running(tmp_path, "migrate.apply") as process:
            assert eventually(lambda: sleeping(database, "ALTER TABLE a_1"))
            assert rows(database, "SELECT count(*) FROM a_1") == [(0,)]  # plain readers get through meanwhile
            assert process.poll() is None
            _, err = process.communicate(timeout=120)
        assert process.returncode == 4, err
    last = err.strip().splitlines()[-1]
    assert "forgotten report" in last
    assert f"pid {pid} (forgotten report" in last
    assert versions(database, "a") == ["a2"]
    assert nothing_left(database)
    assert invoke("migrate.apply", cwd=tmp_path).code == 0


def test_15_an_old_snapshot_never_leaves_an_invalid_index_silently(tmp_path: Path, database: Address) -> None:
    build_monorepo(tmp_path, {"a": Svc(revisions=five(INDEX))}, url=database.url())
    assert invoke("migrate.apply", "--service", "a", "--to", "a2", cwd=tmp_path).code == 0
    with psycopg.connect(database.url(), application_name="old report") as old:
        old.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT 1")
        ran = invoke("migrate.apply", cwd=tmp_path)
        assert ran.code == 5, ran.err
        assert "a: a3" in ran.err
        assert "migrate.resolve --service a" in ran.last
        assert "old report" in ran.err
    assert rows(database, VALID) == [(False,)]
    assert nothing_left(database)
    assert invoke("migrate.verify", cwd=tmp_path).code in {5, 6}
    settled = invoke("migrate.resolve", "--service", "a", "--rolled-back", cwd=tmp_path)
    assert settled.code == 0, settled.err
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    assert rows(database, VALID) == [(True,)]


def test_17_a_locked_version_table_is_busy(tmp_path: Path, database: Address) -> None:
    build_monorepo(tmp_path, {"a": Svc(revisions=five("pass"))}, url=database.url())
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    with psycopg.connect(database.url(), application_name="a forgotten transaction") as other:
        other.execute("LOCK TABLE alembic_version_a IN ACCESS EXCLUSIVE MODE")
        with ThreadPoolExecutor() as at_once:  # each waits for the lock for a while
            all_ran = list(
                at_once.map(
                    lambda words: invoke(words, cwd=tmp_path), ("migrate.status", "migrate.verify", "migrate.apply")
                )
            )
        for ran in all_ran:
            assert ran.code == 4, ran.err
            assert len(ran.err.strip().splitlines()) <= 2  # how long it waited, and why
            assert f'"alembic_version_a" by pid {other.info.backend_pid} (a forgotten transaction' in ran.last
    assert versions(database, "a") == ["a5"]
    assert nothing_left(database)
