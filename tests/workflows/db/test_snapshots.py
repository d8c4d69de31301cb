"""Snapshots: named copies that come back whole, AGE graphs included."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import Connection, connect
from aegisdb.registry import load
from aegisdb.workflows.db.snapshots import facts_about
from tests.workflows.project import Project

CYPHER = "SELECT n::text FROM ag_catalog.cypher('wells', $$ {} $$) AS (n ag_catalog.agtype)"


@pytest.fixture
def shop(shop: Project) -> Project:
    shop.write("first")
    return shop


def _cypher(conn: Connection, query: str) -> list[str]:
    conn.execute("LOAD 'age'")
    conn.execute('SET search_path = ag_catalog, "$user", public')
    return [row[0] for row in conn.rows(CYPHER.format(query))]


def test_a_snapshot_comes_back_with_its_graph(shop: Project) -> None:
    with connect(shop.address) as conn:
        conn.execute("CREATE EXTENSION age")
        conn.execute('SET search_path = ag_catalog, "$user", public')
        conn.rows("SELECT create_graph('wells')::text")
        _cypher(conn, "CREATE (n:Well {name: 'one'}) RETURN n.name")
    assert shop.invoke("db.snapshot", "one").code == 0
    shop.write("second")
    with connect(shop.address) as conn:
        _cypher(conn, "MATCH (n) DETACH DELETE n")
    assert shop.invoke("db.restore", "one").code == 0
    assert shop.text() == "first"
    with connect(shop.address) as conn:
        assert _cypher(conn, "MATCH (n:Well) RETURN n.name") == ["one"]
        assert _cypher(conn, "CREATE (n:Well {name: 'two'}) RETURN n.name") == ["two"]
    assert shop.invoke("db.restore", "before-restore").code == 0
    assert shop.text() == "second"


def test_names_that_cannot_be(shop: Project) -> None:
    assert shop.invoke("db.restore", "nowhere").code == 2
    assert shop.invoke("db.drop-snapshot", "nowhere").code == 2
    for name in ("a b", "a;b", "x" * 60, "../x"):
        assert shop.invoke("db.snapshot", name).code == 2
    assert shop.invoke("db.snapshot", "one").code == 0
    ran = shop.invoke("db.snapshot", "one")
    assert ran.code == 3
    assert "exists" in ran.last
    assert len(shop.databases()) == 2


def test_a_database_in_use_gives_no_half_copy(shop: Project) -> None:
    with connect(shop.address, application="the app"):
        ran = shop.invoke("db.snapshot", "one", "--lock-wait", "0")
    assert ran.code == 4
    assert "the app" in ran.last
    assert shop.databases() == {shop.address.database}


def test_the_list_tells_where_the_histories_were(shop: Project) -> None:
    assert shop.invoke("db.reset").code == 0
    assert shop.invoke("db.snapshot", "one").code == 0
    listed = shop.invoke("db.snapshots", "--format", "json").json["result"]["snapshots"]
    assert [one["name"] for one in listed] == ["one", "before-reset"]
    assert listed[0]["revisions"] == {"shop": "a2"}
    assert 0 <= listed[0]["age"] < 3600
    assert listed[0]["bytes"] > 1_000_000
    assert shop.invoke("db.drop-snapshot", "one").code == 0
    assert [o["name"] for o in shop.invoke("db.snapshots", "--format", "json").json["result"]["snapshots"]] == [
        "before-reset"
    ]


def _git(directory: Path, *words: str) -> str:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    done = subprocess.run(["git", "-C", directory, *who, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _branch(root: Path, address: Address) -> str:
    with connect(address) as conn:
        return facts_about(conn, load(root / "services.yaml", {}), ())["branch"]


def test_the_branch_is_the_one_that_git_tells(shop: Project, tmp_path: Path) -> None:
    name = "feature/with-a-slash"
    assert _branch(shop.root, shop.address) == ""
    _git(shop.root, "init", "-q", "-b", name)
    _git(shop.root, "commit", "-q", "--allow-empty", "-m", "first")
    assert (
        _branch(shop.root, shop.address)
        == _git(shop.root, "rev-parse", "--abbrev-ref", "HEAD")
        == "feature/with-a-slash"
    )
    _git(shop.root, "add", "-A")
    _git(shop.root, "commit", "-q", "-m", "second")
    beside = tmp_path / "beside"
    _git(shop.root, "worktree", "add", "-q", "-b", "other", str(beside))
    assert _branch(beside, shop.address) == _git(beside, "rev-parse", "--abbrev-ref", "HEAD") == "other"
    _git(shop.root, "checkout", "-q", "--detach")
    assert _branch(shop.root, shop.address) == _git(shop.root, "rev-parse", "--abbrev-ref", "HEAD") == "HEAD"


def test_somebody_else_s_database_is_no_snapshot(shop: Project) -> None:
    name = f"{shop.address.database}__snap_mine"
    with connect(shop.address.with_database("postgres")) as conn:
        conn.execute(f"CREATE DATABASE {name}")
    ran = shop.invoke("db.drop-snapshot", "mine")
    assert ran.code == 3
    assert name in shop.databases()


def _limit(shop: Project, **limits: int) -> None:
    path = shop.root / "services.yaml"
    path.write_text(json.dumps({**json.loads(path.read_text()), "snapshots": limits}))


def test_no_more_snapshots_than_the_registry_allows(shop: Project) -> None:
    _limit(shop, keep=1)
    assert shop.invoke("db.snapshot", "one").code == 0
    assert shop.invoke("db.reset").code == 0  # its before-reset does not count
    ran = shop.invoke("db.snapshot", "two", "--format", "json")
    assert (ran.code, ran.json["errors"][0]["code"]) == (3, "snapshot_space")
    assert "db.drop-snapshot one" in ran.json["errors"][0]["hint"]
    assert shop.invoke("db.restore", "one").code == 0
    assert {name.partition("__snap_")[2] for name in shop.databases()} == {"", "one", "before-reset", "before-restore"}


def test_no_more_bytes_than_the_registry_allows(shop: Project) -> None:
    _limit(shop, max_bytes=1_000_000)
    ran = shop.invoke("db.snapshot", "one")
    assert ran.code == 3
    assert "snapshots.max_bytes" in ran.last
    assert shop.databases() == {shop.address.database}


def test_a_plan_tells_the_room_and_does_nothing(shop: Project) -> None:
    planned = shop.invoke("db.snapshot", "one", "--dry-run", "--format", "json").json["result"]
    assert planned["bytes"] > 1_000_000
    assert planned["space"] == {"bytes": 0, "max_bytes": 20_000_000_000, "kept": 0, "keep": 10}
    assert shop.databases() == {shop.address.database}
    assert shop.invoke("db.snapshot", "one").code == 0
    before = shop.databases()
    shop.write("second")
    assert shop.invoke("db.restore", "one", "--dry-run").code == 0
    assert shop.invoke("db.drop-snapshot", "one", "--dry-run").code == 0
    assert (shop.databases(), shop.text()) == (before, "second")
