"""Faults 3, 4, 7 and 12 of docs/faults.md: tools and servers that die while a revision runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Svc, build_monorepo
from tests.postgres_server import TestServer, start_server
from tests.running import SLEEP, children, eventually, five, gone, nothing_left, rows, running, sleeping, versions

INDEX = """
with op.get_context().autocommit_block():
    op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS a_1_id ON a_1 (id)")
"""
UNWATCHED = f"""
op.execute("SET LOCAL client_connection_check_interval = 0")
{SLEEP}
"""
"""A statement whose session the server does not end when the client is gone."""


@pytest.fixture
def own_server() -> Iterator[TestServer]:
    """A server that this test may stop."""
    server = start_server()
    yield server
    server.stop()


def fix(root: Path, revision: str, text: str = SLEEP) -> None:
    """Take what made a revision wait out of its file."""
    path = root / "services" / "a" / "alembic" / "versions" / f"{revision}.py"
    path.write_text(path.read_text().replace(text, "pass"))


@pytest.mark.parametrize("decision", ["--applied", "--rolled-back"])
def test_3_kill_9_while_an_index_is_built_concurrently(tmp_path: Path, database: Address, decision: str) -> None:
    build_monorepo(tmp_path, {"a": Svc(revisions=five(INDEX))}, url=database.url())
    assert invoke("migrate.apply", "--service", "a", "--to", "a2", cwd=tmp_path).code == 0
    with psycopg.connect(database.url()) as writer:
        writer.execute("INSERT INTO a_1 VALUES (1)")  # the index waits for the end of this transaction
        with running(tmp_path, "migrate.apply") as process:
            assert eventually(lambda: sleeping(database, "CREATE INDEX CONCURRENTLY"))
            assert eventually(lambda: bool(rows(database, "SELECT FROM pg_index WHERE NOT indisvalid")))
            family = children(process.pid)
            process.kill()
            process.wait()
            assert eventually(lambda: gone(family))
            assert eventually(lambda: nothing_left(database))
    again = invoke("migrate.apply", cwd=tmp_path)
    assert again.code == 5, again.err
    assert "a: a3" in again.last
    assert "migrate.resolve --service a" in again.last
    assert "a_1_id" in again.err
    assert versions(database, "a") == ["a2"]
    resolved = invoke("migrate.resolve", "--service", "a", decision, cwd=tmp_path)
    assert resolved.code == 0, resolved.err
    done = invoke("migrate.apply", cwd=tmp_path)
    assert done.code == 0, done.err
    assert rows(database, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_1_id'::regclass") == [(True,)]
    assert versions(database, "a") == ["a5"]
    assert nothing_left(database)


def test_4_an_orphan_that_still_works_is_waited_for_then_named(tmp_path: Path, database: Address) -> None:
    build_monorepo(tmp_path, {"a": Svc(revisions=five(UNWATCHED))}, url=database.url())
    with running(tmp_path, "migrate.apply") as process:
        assert eventually(lambda: sleeping(database))
        process.kill()
        process.wait()
    ran = invoke("migrate.apply", cwd=tmp_path)
    orphan = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'aegisdb worker:%' AND state = 'active'"
    ((pid,),) = rows(database, orphan)
    assert ran.code == 4, ran.err
    assert ran.last.startswith("error[orphan]")
    assert f"pid {pid}" in ran.last
    assert "pg_sleep(600)" in ran.last
    assert versions(database, "a") == ["a2"]
    assert rows(database, f"SELECT pg_terminate_backend({pid}, 10000)") == [(True,)]
    fix(tmp_path, "a3")
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    assert versions(database, "a") == ["a5"]
    assert nothing_left(database)


@pytest.mark.parametrize("how", ["fast", "immediate", "kill"])
def test_7_a_server_that_stops_during_an_upgrade(tmp_path: Path, own_server: TestServer, how: str) -> None:
    database = own_server.address
    build_monorepo(tmp_path, {"a": Svc(revisions=five(SLEEP))}, url=database.url())
    with running(tmp_path, "migrate.apply") as process:
        assert eventually(lambda: sleeping(database))
        family = children(process.pid)
        own_server.halt(how)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 7, err
        assert eventually(lambda: gone(family))
    assert "Traceback" not in err
    last = err.strip().splitlines()[-1]
    assert str(database.port) in last
    assert "a3" in out + err
    assert invoke("migrate.status", cwd=tmp_path).code == 7
    own_server.resume()
    assert versions(database, "a") == ["a2"]
    fix(tmp_path, "a3")
    again = invoke("migrate.apply", cwd=tmp_path)
    assert again.code == 0, again.err
    assert "died; nothing of it is half-applied" in again.out
    assert versions(database, "a") == ["a5"]
    assert nothing_left(database)


def test_12_the_lock_of_a_killed_holder_is_free_at_once(tmp_path: Path, database: Address) -> None:
    build_monorepo(tmp_path, {"a": Svc(revisions=five(SLEEP))}, url=database.url())
    with running(tmp_path, "migrate.apply") as process:
        assert eventually(lambda: sleeping(database))
        busy = invoke("migrate.apply", "--lock-wait", "0", cwd=tmp_path)
        assert busy.code == 4
        assert "migrate.apply" in busy.last
        process.kill()
        process.wait()
    fix(tmp_path, "a3")
    assert eventually(lambda: nothing_left(database))
    ran = invoke("migrate.apply", "--lock-wait", "0", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert versions(database, "a") == ["a5"]
