"""seed.prove: idempotent, or the tables that differ; the target is never touched."""

from __future__ import annotations

from pathlib import Path

from aegisdb.postgres.address import Address
from tests.invoke import Ran, invoke
from tests.seeds.shop import make_shop, query, ran, sessions, write_module

SEEDS = "- {module: shop.fill, fills: [items]}"
ONCE = "conn.execute(\"INSERT INTO items VALUES (1, 'a') ON CONFLICT DO NOTHING\")\n"
APPEND = "conn.execute(\"INSERT INTO tags VALUES ('x')\")\n"
TOUCH = "conn.execute(\"UPDATE items SET name = name || '!'\")\n"
DDL = 'conn.execute("ALTER TABLE tags ADD COLUMN IF NOT EXISTS n int")\n'
INDEX = 'conn.execute("CREATE INDEX ON tags (name)")\n'


def prove(root: Path, database: Address, body: str) -> Ran:
    """seed.prove of a seed with this body, in JSON."""
    make_shop(root, database, SEEDS)
    write_module(root, "fill", body + "conn.commit()\n")
    return invoke("seed.prove", "--format", "json", cwd=root)


def differences(done: Ran) -> list[str]:
    """What the second run changed."""
    (seed,) = done.json["result"]["seeds"]
    found: list[str] = seed["differences"]
    return found


def untouched(database: Address) -> bool:
    """No row, no ledger, no session, no scratch database."""
    scratch = query(database, "SELECT datname FROM pg_database WHERE datname LIKE current_database() || '\\_\\_%'")
    return (
        query(database, "SELECT count(*) FROM items") == [(0,)]
        and ran(database) == []
        and sessions(database) == []
        and scratch == []
    )


def test_an_idempotent_seed(tmp_path: Path, database: Address) -> None:
    done = prove(tmp_path, database, ONCE + DDL)
    assert done.code == 0, done.err
    assert differences(done) == []
    assert untouched(database)


def test_a_seed_that_appends_names_its_table(tmp_path: Path, database: Address) -> None:
    done = prove(tmp_path, database, ONCE + APPEND)
    assert done.code == 6
    assert done.json["errors"][0]["code"] == "not_idempotent"
    assert differences(done) == ["public.tags: 1 rows became 2"]
    assert untouched(database)


def test_a_seed_that_changes_values(tmp_path: Path, database: Address) -> None:
    done = prove(tmp_path, database, ONCE + TOUCH)
    assert done.code == 6
    assert differences(done) == ["public.items: values changed in its 1 rows"]


def test_a_seed_that_changes_the_schema(tmp_path: Path, database: Address) -> None:
    done = prove(tmp_path, database, ONCE + INDEX)
    assert done.code == 6
    assert "tags_name_idx1" in str(differences(done))


def test_a_seed_that_fails_leaves_no_clone(tmp_path: Path, database: Address) -> None:
    done = prove(tmp_path, database, "raise SystemExit('no')\n")
    assert done.code == 1
    assert untouched(database)
