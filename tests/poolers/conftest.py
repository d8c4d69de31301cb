"""A project whose target's URL leads through a pooler."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.monorepo import Rev, Svc, build_monorepo, table
from tests.poolers.programs import pgbouncer
from tests.postgres_server import TestServer
from tests.running import eventually

SERVICES = {
    "shop": Svc(
        revisions=(
            Rev(id="a1", up=table("shop_items"), down='op.execute("DROP TABLE shop_items")'),
            Rev(
                id="a2",
                up='op.execute("ALTER TABLE shop_items ADD n int")',
                down='op.execute("ALTER TABLE shop_items DROP n")',
            ),
        ),
        more={"seeds": [{"sql": "seed.sql", "fills": ["shop_items"]}]},
    )
}


@pytest.fixture(scope="module")  # its pool keeps sessions with our names: none for tests of other modules
def shared(server: TestServer) -> Iterator[Address]:
    """PgBouncer in transaction mode."""
    with pgbouncer(server, "transaction") as address:
        yield address


@pytest.fixture(scope="module")  # its pool keeps sessions with our names: none for tests of other modules
def keeping(server: TestServer) -> Iterator[Address]:
    """PgBouncer in session mode."""
    with pgbouncer(server, "session") as address:
        yield address


@pytest.fixture
def managed(database: Address) -> Iterator[Address]:
    """The database as its owner reaches it: no superuser, no CREATEDB, no login elsewhere."""
    role = f"ci_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'C4n%a@r/y'".encode())
        conn.execute(f'ALTER DATABASE "{database.database}" OWNER TO {role}'.encode())
        yield replace(database, user=role)
        conn.execute(f"DROP OWNED BY {role} CASCADE".encode())
        conn.execute(f'ALTER DATABASE "{database.database}" OWNER TO aegis'.encode())
        conn.execute(f"DROP ROLE {role}".encode())


@pytest.fixture
def shop(tmp_path: Path, database: Address) -> Path:
    """A project with a seed and a deploy file; the URL is given with each command."""
    build_monorepo(tmp_path, SERVICES, url=database.url(), database={"deploy": "deploy"})
    (tmp_path / "services" / "shop" / "seed.sql").write_text(
        "INSERT INTO shop_items VALUES (1) ON CONFLICT DO NOTHING;\n"
    )
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "a.sql").write_text(
        "CREATE TABLE IF NOT EXISTS run_count (n int);\nINSERT INTO run_count VALUES (1);\n"
    )
    return tmp_path


def rows(address: Address, sql: str) -> list[tuple[object, ...]]:
    """What a query gives on a connection of the test's own."""
    with psycopg.connect(address.url(), autocommit=True) as conn:
        return conn.execute(sql.encode()).fetchall()


def nothing_held(address: Address) -> bool:
    """No lock and no transaction of ours stays; a pooler may keep idle sessions that still bear our name."""
    locks = "SELECT FROM pg_locks WHERE locktype = 'advisory'"
    work = "SELECT FROM pg_stat_activity WHERE application_name LIKE 'aegisdb%' AND state <> 'idle'"
    return eventually(lambda: not rows(address, locks) and not rows(address, work), 30)
