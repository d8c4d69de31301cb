"""Two runs of one deploy file, and two applies, at once: each of the ways in which the lock once was none.

Trials: 2 in CI, 1 elsewhere, or AEGISDB_ROUNDS (the table of docs/faults.md has 10).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.poolers.conftest import nothing_held, rows
from tests.poolers.programs import pgbouncer
from tests.postgres_server import TestServer
from tests.running import eventually, running

ROUNDS = int(os.environ.get("AEGISDB_ROUNDS") or (2 if os.environ.get("CI") else 1))
SLOW = "SELECT pg_sleep(1.5);\nCREATE TABLE IF NOT EXISTS run_count (n int);\nINSERT INTO run_count VALUES (1);\n"
Two = tuple[Address, Address]
Way = Callable[[TestServer, Address, Address], AbstractContextManager[Two]]


@contextmanager
def transaction_pool(server: TestServer, database: Address, owner: Address) -> Iterator[Two]:
    del owner
    with pgbouncer(server, "transaction") as address:
        pooler = address.with_database(database.database)
        yield pooler, pooler


@contextmanager
def alias(server: TestServer, database: Address, owner: Address) -> Iterator[Two]:
    del owner
    with pgbouncer(server, "session", alias={"app": database.database}) as address:
        yield address.with_database("app"), database


@contextmanager
def kept_out_of_postgres(server: TestServer, database: Address, owner: Address) -> Iterator[Two]:
    del server
    with psycopg.connect(database.url(), autocommit=True) as conn:
        public = conn.execute("SELECT has_database_privilege('public', 'postgres', 'CONNECT')").fetchone()
        conn.execute("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC")
        try:
            conn.execute(f"CREATE ROLE {owner.user}_2 LOGIN PASSWORD 'C4n%a@r/y' IN ROLE {owner.user}".encode())
            conn.execute(f"ALTER ROLE {owner.user}_2 SET role = {owner.user}".encode())  # both make what the owner has
            conn.execute(f"GRANT CONNECT ON DATABASE postgres TO {owner.user}_2".encode())
            yield owner, replace(owner, user=f"{owner.user}_2")
        finally:
            conn.execute(f"REVOKE CONNECT ON DATABASE postgres FROM {owner.user}_2".encode())
            conn.execute(f"DROP ROLE {owner.user}_2".encode())
            if public == (True,):
                conn.execute("GRANT CONNECT ON DATABASE postgres TO PUBLIC")


@contextmanager
def ends_idle_sessions(server: TestServer, database: Address, owner: Address) -> Iterator[Two]:
    del server, owner
    with psycopg.connect(database.url(), autocommit=True) as conn:
        for name in ("idle_session_timeout", "idle_in_transaction_session_timeout"):
            conn.execute(f"ALTER DATABASE {database.database} SET {name} = '1s'".encode())
    yield database, database


ASLEEP = "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
KILLED = """
from alembic import op

revision, down_revision = "a1", None


def upgrade() -> None:
    op.execute("CREATE TABLE shop_items (id int PRIMARY KEY)")
    op.execute("SELECT pg_sleep(1.5)")


def downgrade() -> None:
    op.execute("DROP TABLE shop_items")
"""
WAYS = (alias, kept_out_of_postgres, ends_idle_sessions)


def at_once(shop: Path, two: Two, *words: str) -> list[tuple[int, str]]:
    """Exit codes and last lines of two runs, the second 0.05 s behind the first."""
    one, other = (address.url() for address in two)
    with running(shop, *words, env={"DATABASE_URL": one}) as first:
        time.sleep(0.05)
        with running(shop, *words, env={"DATABASE_URL": other}) as second:
            told = [run.communicate(timeout=100)[1].strip() for run in (first, second)]
    return [(run.returncode, text) for run, text in zip((first, second), told, strict=True)]


@pytest.mark.timeout(120 + 60 * ROUNDS)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_deploy_file_runs_once(
    shop: Path,
    server: TestServer,
    database: Address,
    managed: Address,
    way: Way,
) -> None:
    (shop / "deploy" / "a.sql").unlink()
    with way(server, database, managed) as two:
        for trial in range(1, ROUNDS + 1):
            (shop / "deploy" / f"{trial:02}.sql").write_text(SLOW)
            ended = at_once(shop, two, "deploy.apply")
            assert [code for code, _ in ended] == [0, 0], (trial, ended)
            assert rows(database, "SELECT count(*) FROM run_count") == [(trial,)], ended
    assert nothing_held(database)


@pytest.mark.timeout(120 + 60 * ROUNDS)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_two_applies_are_never_half_applied(
    shop: Path,
    server: TestServer,
    database: Address,
    managed: Address,
    way: Way,
) -> None:
    with way(server, database, managed) as two:
        for trial in range(1, ROUNDS + 1):
            ended = at_once(shop, two, "migrate.apply")
            assert [code for code, _ in ended] == [0, 0], (trial, ended)
            assert rows(database, "SELECT version_num FROM alembic_version_shop") == [("a2",)], ended
            for table in ("shop_items", "alembic_version_shop"):
                rows_of = f'DROP TABLE "{table}" CASCADE; DROP SCHEMA IF EXISTS aegisdb CASCADE'
                with psycopg.connect(database.url(), autocommit=True) as conn:
                    conn.execute(rows_of.encode())
    assert nothing_held(database)


@pytest.mark.timeout(120 + 60 * ROUNDS)
def test_a_pool_that_shares_sessions_runs_none(
    shop: Path, server: TestServer, database: Address, managed: Address
) -> None:
    with transaction_pool(server, database, managed) as two:
        for trial in range(1, ROUNDS + 1):
            ended = at_once(shop, two, "deploy.apply")
            assert [code for code, _ in ended] == [3, 3], (trial, ended)
            assert rows(database, "SELECT to_regclass('run_count')") == [(None,)], ended
    assert nothing_held(database)


@contextmanager
def directly(server: TestServer, database: Address, owner: Address) -> Iterator[Two]:
    del server, owner
    yield database, database


@contextmanager
def session_pool(server: TestServer, database: Address, owner: Address) -> Iterator[Two]:
    del owner
    with pgbouncer(server, "session") as address:
        pooler = address.with_database(database.database)
        yield pooler, pooler


@pytest.mark.timeout(120 + 60 * ROUNDS)
@pytest.mark.parametrize("way", [directly, session_pool, alias], ids=lambda way: way.__name__)
def test_a_killed_run_leaves_no_lock_and_the_next_is_told_the_truth(
    shop: Path, server: TestServer, database: Address, managed: Address, way: Way
) -> None:
    (shop / "deploy" / "a.sql").write_text(SLOW)
    (shop / "services" / "shop" / "alembic" / "versions" / "a1.py").write_text(KILLED)
    with way(server, database, managed) as (one, other):
        for words in (("deploy.apply",), ("migrate.apply",)):
            with running(shop, *words, env={"DATABASE_URL": one.url()}) as run:
                assert eventually(lambda: bool(rows(database, ASLEEP)), 30), run.communicate()
                run.kill()
            assert nothing_held(database)
            again = invoke(*words, cwd=shop, env={"DATABASE_URL": other.url()})
            assert again.code == 0, again.err
        assert rows(database, "SELECT count(*) FROM run_count") == [(1,)]
        assert rows(database, "SELECT version_num FROM alembic_version_shop") == [("a2",)]
