"""seed.list, and what seed.run refuses."""

from __future__ import annotations

from pathlib import Path

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo
from tests.seeds.shop import make_shop, query, ran, write_module

TWO = """
- module: shop.fill
  fills: [items]
  inputs: [names.csv]
- sql: tags.sql
  fills: [tags]
"""
FILL = """
from shop import rows
for number, name in enumerate(rows.NAMES):
    conn.execute("INSERT INTO items VALUES (%s, %s) ON CONFLICT DO NOTHING", (number, name))
conn.commit()
"""


def states(root: Path) -> list[str]:
    """The state of each seed, in order."""
    listed = invoke("seed.list", "--format", "json", cwd=root)
    assert listed.code == 0, listed.err
    return [seed["state"] for seed in listed.json["result"]["seeds"]]


def two_seeds(root: Path, database: Address) -> None:
    make_shop(root, database, TWO)
    write_module(root, "fill", FILL)
    (root / "shop" / "shop" / "rows.py").write_text("NAMES = ['a', 'b']\n")
    (root / "shop" / "names.csv").write_text("a\nb\n")
    (root / "shop" / "tags.sql").write_text("INSERT INTO tags SELECT 'x' WHERE NOT EXISTS (SELECT FROM tags);\n")


def test_never_run_then_current_then_changed(tmp_path: Path, database: Address) -> None:
    two_seeds(tmp_path, database)
    assert states(tmp_path) == ["never run", "never run"]
    assert ran(database) == []  # looking writes nothing
    assert invoke("seed.run", cwd=tmp_path).code == 0
    assert states(tmp_path) == ["current", "current"]
    # what the module imports from its own service is part of it
    (tmp_path / "shop" / "shop" / "rows.py").write_text("NAMES = ['a', 'b', 'c']\n")
    assert states(tmp_path) == ["changed", "current"]
    (tmp_path / "shop" / "tags.sql").write_text("SELECT 1;\n")
    assert states(tmp_path) == ["changed", "changed"]
    assert invoke("seed.run", cwd=tmp_path).code == 0
    assert states(tmp_path) == ["current", "current"]
    (tmp_path / "shop" / "names.csv").write_text("a\n")
    assert states(tmp_path) == ["changed", "current"]


def test_a_missing_input_is_bad_input(tmp_path: Path, database: Address) -> None:
    two_seeds(tmp_path, database)
    (tmp_path / "shop" / "names.csv").unlink()
    done = invoke("seed.run", cwd=tmp_path)
    assert done.code == 2
    assert "names.csv" in done.last
    assert query(database, "SELECT count(*) FROM items") == [(0,)]


def test_plan_runs_nothing(tmp_path: Path, database: Address) -> None:
    two_seeds(tmp_path, database)
    done = invoke("seed.run", "--dry-run", cwd=tmp_path)
    assert done.code == 0
    assert done.out.index("module shop.fill") < done.out.index("sql tags.sql")
    assert ran(database) == []


def test_an_unknown_service_is_bad_input(tmp_path: Path, database: Address) -> None:
    two_seeds(tmp_path, database)
    done = invoke("seed.run", "--service", "shpo", cwd=tmp_path)
    assert done.code == 2
    assert "shop" in done.last


def test_pending_revisions_stop_seeds(tmp_path: Path, database: Address) -> None:
    shop = Svc(
        revisions=(Rev(id="a1", up="op.execute('CREATE TABLE shop_items (id int)')"),),
        more={"seeds": [{"sql": "items.sql", "fills": ["shop_items"]}]},
    )
    build_monorepo(tmp_path, {"shop": shop}, url=database.url())
    (seed,) = (path.parent / "items.sql" for path in tmp_path.rglob("alembic.ini"))
    seed.write_text("INSERT INTO shop_items VALUES (1);\n")
    done = invoke("seed.run", "--format", "json", cwd=tmp_path)
    assert done.code == 6
    assert done.json["errors"][0]["code"] == "pending"
    assert query(database, "SELECT to_regclass('shop_items')") == [(None,)]
