"""The services of this repository, their tests run by a pytest of their own with its services.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.postgres import databases, markers
from aegisdb.postgres.address import Address
from tests.invoke import ROOT, environment, invoke
from tests.monorepo import Rev, Svc, build_monorepo, table
from tests.postgres_server import free_port
from tests.testing.conftest import leave_only

pytest_plugins = ["pytester"]
pytestmark = [pytest.mark.child, pytest.mark.slow]

TESTS = """
import psycopg, pytest
from sqlalchemy import text

def wells(url):
    with psycopg.connect(url) as conn:
        conn.execute("LOAD 'age'")
        conn.execute("SET search_path = ag_catalog, public")
        conn.execute("SELECT * FROM cypher('oilgas', $$ CREATE (:Well {api: 'x'}) $$) AS (v agtype)")
        rows = conn.execute("SELECT * FROM cypher('oilgas', $$ MATCH (w:Well) RETURN w.api $$) AS (v agtype)")
        return len(rows.fetchall())

@pytest.mark.parametrize("n", range(3))
def test_graph(aegis_db_url, n):
    assert wells(aegis_db_url) == 1

@pytest.mark.parametrize("n", range(2))
def test_all_services(aegis_db, n):
    with psycopg.connect(aegis_db.url) as conn:
        at = {table: conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in (
            "alembic_version_identity", "alembic_version_orchestration", "alembic_version_knowledge_graph")}
        assert set(at.values()) == {1}
        extensions = {name for name, in conn.execute("SELECT extname FROM pg_extension")}
        assert {"age", "vector", "uuid-ossp"} <= extensions
        assert conn.execute("SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%hnsw%'").fetchone()[0] > 0
        assert conn.execute("SELECT count(*) FROM users").fetchone()[0] == 0
        conn.execute("INSERT INTO users (email, password_hash, display_name) VALUES ('a@b.c', 'x', 'A')")

@pytest.mark.parametrize("n", range(2))
def test_session(aegis_db_session, n):
    assert aegis_db_session.scalar(text("SELECT count(*) FROM users")) == 0
    aegis_db_session.execute(text("INSERT INTO users (email, password_hash, display_name) VALUES ('a@b.c', 'x', 'A')"))
    aegis_db_session.commit()

@pytest.mark.aegis_seeds
def test_seeds(aegis_db_url):
    with psycopg.connect(aegis_db_url) as conn:
        assert conn.execute("SELECT count(*) FROM users").fetchone()[0] > 0
        assert conn.execute("SELECT count(*) FROM documents").fetchone()[0] > 0
    assert wells(aegis_db_url) > 1
"""


def test_every_service_its_extensions_graphs_and_indexes(
    pytester: pytest.Pytester, database: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    with databases.maintenance(database) as conn:
        markers.mark(conn, database.database, "test")
    leave_only(monkeypatch)
    monkeypatch.setenv("DATABASE_URL", database.url())
    monkeypatch.setenv("KNOWLEDGE_GRAPH_PORT", str(free_port()))
    pytester.makeini(f"[pytest]\naegis_registry = {ROOT}\n")
    pytester.makepyfile(TESTS)
    ran = pytester.runpytest_subprocess("-n", "2", "-W", "error", timeout=280)
    ran.assert_outcomes(passed=8)
    with databases.maintenance(database) as conn:
        left = conn.rows("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (database.database,))
    assert left == [(database.database,)]


@pytest.mark.parametrize("volatile", [False, True])
def test_an_embedded_server_is_started(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, volatile: bool
) -> None:
    leave_only(monkeypatch)
    root = build_monorepo(
        tmp_path / "shop",
        {"shop": Svc(revisions=(Rev(id="a1", up=table("shop_items")),))},
        extra={"targets": {"local": {"server": "embedded", "port": free_port(), "volatile": volatile}}},
    )
    pytester.makepyfile("def test_it(aegis_db):\n    assert aegis_db.name.startswith('aegis__scratch_')\n")
    pytester.makeini(f"[pytest]\naegis_registry = {root}\n")
    try:
        for _ in range(2):
            pytester.runpytest_subprocess("-n", "2", "-W", "error", timeout=280).assert_outcomes(passed=1)
        assert invoke("db.status", cwd=root, env=environment()).code != 0  # nobody has made the target's own
    finally:
        assert invoke("db.down", "--volumes", "--yes", cwd=root).code == 0
