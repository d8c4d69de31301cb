"""knowledge-graph as it is run: uvicorn, HTTP, Cypher and vectors on a real database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from aegisdb.postgres.address import Address, Secret
from tests.base_schema import ROOT
from tests.postgres_server import PASSWORD, free_port
from tests.seeds.shop import listening

SERVICE = ROOT / "services" / "knowledge-graph"
COUNTS = {
    "operators": 8,
    "leases": 13,
    "wells": 31,
    "operates": 13,
    "located_on": 31,
    "documents": 10,
    "chunks": 22,
}
# no proxy of the environment may come between
open_url = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


@contextmanager
def served(address: Address) -> Iterator[str]:
    """The application on a free port, stopped afterwards; yields its base URL."""
    port = free_port()
    argv = [sys.executable, "-m", "uvicorn", "knowledge_graph.app:app", "--port", str(port)]
    env = os.environ | {"DATABASE_URL": address.url(), "PYTHONPATH": str(SERVICE)}
    with subprocess.Popen(argv, cwd=SERVICE, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            while not listening(port) and process.poll() is None:
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            log, _ = process.communicate(timeout=120)
            assert PASSWORD not in log.decode()


def ask(base: str, path: str, *, post: bool = False) -> tuple[int, Any]:
    """Status and JSON body."""
    request = urllib.request.Request(base + path, data=b"" if post else None)  # noqa: S310  a URL of this test
    try:
        with open_url(request, timeout=120) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def contents(address: Address) -> dict[str, list[Any]]:
    """Every row of the service's tables and labels, as text."""
    graph = ("Well", "Lease", "Operator", "OPERATES", "LOCATED_ON")
    tables = ["documents", "chunks", *(f'oilgas."{label}"' for label in graph)]
    with psycopg.connect(address.url()) as conn:
        return {name: conn.execute(f"SELECT t::text FROM {name} t ORDER BY 1").fetchall() for name in tables}  # noqa: S608


def test_seed_is_idempotent_and_its_data_can_be_asked(at_head: Address) -> None:
    with served(at_head) as base:
        assert ask(base, "/seed", post=True) == (200, {"ok": True, "counts": COUNTS})
        first = contents(at_head)
        assert ask(base, "/seed", post=True) == (200, {"ok": True, "counts": COUNTS})
        assert contents(at_head) == first
        assert len(first['oilgas."Well"']) == COUNTS["wells"]
        status, found = ask(base, "/wells/42-329-44902")
        assert status == 200
        assert (found["well"]["county"], found["operator"]["p5_number"]) == ("Midland", "148113")
        # what could be Cypher or SQL is only text
        assert ask(base, "/wells/%7D)%20DETACH%20DELETE%20w%20--")[0] == 404
        status, near = ask(base, "/search?q=gas+flaring+permit&limit=2")
        assert near["results"][0]["external_id"] == "SWR-32"
        assert len(near["results"]) == 2
        assert ask(base, "/search?q=x&limit=1000")[0] == 400
        assert ask(base, "/seed")[0] == 405


def test_a_match_by_cypher_and_a_search_by_the_index(at_head: Address) -> None:
    with served(at_head) as base:
        ask(base, "/seed", post=True)
    with psycopg.connect(at_head.url()) as conn:
        conn.execute("LOAD 'age'")
        conn.execute("SET search_path = public, ag_catalog")
        found = conn.execute(
            "SELECT * FROM cypher('oilgas', $$"
            " MATCH (:Operator)-[:OPERATES]->(:Lease)<-[:LOCATED_ON]-(w:Well) RETURN count(w) $$) AS (n agtype)"
        ).fetchone()
        assert found == ("31",)
        conn.execute("SET enable_seqscan = off")
        plan = conn.execute(
            "EXPLAIN SELECT id FROM chunks ORDER BY embedding <=> (SELECT embedding FROM chunks LIMIT 1) LIMIT 3"
        ).fetchall()
    assert "idx_chunks_embedding_hnsw" in str(plan)


def test_a_failing_seed_is_500_json_and_leaves_nothing(at_head: Address) -> None:
    with psycopg.connect(at_head.url(), autocommit=True) as conn:
        # the documents come last: what the graph got before must go with them
        conn.execute("ALTER TABLE chunks ADD CONSTRAINT never CHECK (ordinal < 0) NOT VALID")
    with served(at_head) as base:
        status, body = ask(base, "/seed", post=True)
    assert status == 500
    assert body["ok"] is False
    assert "never" in body["error"]
    assert all(not rows for rows in contents(at_head).values())


def test_a_role_that_is_no_superuser_can_seed(at_head: Address) -> None:
    role = f"plain_{at_head.database}"
    with psycopg.connect(at_head.url(), autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'plain'")
        try:
            conn.execute(f"GRANT USAGE ON SCHEMA ag_catalog, oilgas, public TO {role}")
            conn.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA ag_catalog TO {role}")
            conn.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA oilgas, public TO {role}")
            conn.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA oilgas TO {role}")
            with served(replace(at_head, user=role, password=Secret("plain"))) as base:
                assert ask(base, "/seed", post=True) == (200, {"ok": True, "counts": COUNTS})
        finally:
            conn.execute(f"DROP OWNED BY {role}")
            conn.execute(f"DROP ROLE {role}")


def test_health_names_the_database_it_works_on(at_head: Address) -> None:
    with psycopg.connect(at_head.url()) as conn:
        (identity,) = conn.execute(
            "SELECT (SELECT system_identifier FROM pg_control_system()) || ':' || oid"
            " FROM pg_database WHERE datname = current_database()"
        ).fetchone() or (None,)
    with served(at_head) as base:
        expected = {"ok": True, "database": at_head.database, "database_identity": identity}
        assert ask(base, "/health") == (200, expected)


def test_two_seeds_at_once_do_not_double_anything(at_head: Address) -> None:
    with served(at_head) as one, served(at_head) as two:
        request = "import sys, urllib.request as r; r.urlopen(r.Request(sys.argv[1], data=b''), timeout=120)"
        runs = [subprocess.Popen([sys.executable, "-c", request, f"{base}/seed"], stderr=-3) for base in (one, two)]
        codes = [run.wait(150) for run in runs]
    assert 0 in codes  # the other one waited and agreed, or met the unique key and was undone
    assert {name: len(rows) for name, rows in contents(at_head).items()}['oilgas."Well"'] == COUNTS["wells"]


def test_its_own_tests_pass() -> None:
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(Path("tests"))]
    done = subprocess.run(argv, cwd=SERVICE, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
