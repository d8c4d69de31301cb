"""Columns, indexes and constraints that env.py keeps from Alembic are no difference, and no revision touches them."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.models.edits import item
from tests.monorepo import Rev, Svc, build_monorepo, write

NUMBER = "number: Mapped[int | None]"
UP = """op.execute("CREATE TABLE shop_items (id serial PRIMARY KEY, number int REFERENCES shop_items UNIQUE)")
op.execute("CREATE INDEX shop_by_hand ON shop_items (id, number)")
op.execute("ALTER TABLE shop_items ADD CHECK (number > 0)")
op.execute("COMMENT ON INDEX shop_by_hand IS 'by hand'")
"""
HOOKS = {
    "reflected alone": "not reflected or to is not None",
    "kind": "kind not in ('index', 'unique_constraint', 'foreign_key_constraint', 'check_constraint')",
    "object": "kind == 'table' or item.table.name != 'shop_items' or kind == 'column'",
}


def _shop(root: Path, database: Address, hook: str, code: str, models: str) -> Path:
    service = Svc(revisions=(Rev(id="s1", up=UP, down='op.drop_table("shop_items")'),))
    build_monorepo(root, {"shop": service}, url=database.url())
    env = root / "services" / "shop" / "alembic" / "env.py"
    text = env.read_text().replace("target_metadata=", f"{hook}=hook, target_metadata=", 1)
    write(env, text.replace("def migrate(", f"{code}\n\n\ndef migrate(", 1))
    write(root / "services" / "shop" / "models.py", models.replace("T_", "shop_"))
    assert invoke("migrate.apply", cwd=root).code == 0
    return root


@pytest.mark.parametrize("asked", HOOKS)
def test_what_include_object_refuses(tmp_path: Path, database: Address, asked: str) -> None:
    code = f"def hook(item, name, kind, reflected, to):\n    return {HOOKS[asked]}"
    root = _shop(tmp_path, database, "include_object", code, item(NUMBER))
    ran = invoke("migrate.verify", cwd=root)
    assert ran.code == 0, ran.out + ran.err
    new = invoke("migrate.new", "--service", "shop", "-m", "nothing", cwd=root)
    assert "models and history agree" in new.out, new.out + new.err


def test_a_model_s_column_and_a_name_in_the_database(tmp_path: Path, database: Address) -> None:
    code = (
        "def hook(name, kind, parents):\n"
        "    return kind in ('schema', 'table', 'column') or parents['table_name'] != 'shop_items'"
    )
    root = _shop(tmp_path, database, "include_name", code, item(NUMBER))
    assert invoke("migrate.verify", cwd=root).code == 0
    env = root / "services" / "shop" / "alembic" / "env.py"
    hidden = "def hook(item, name, kind, reflected, to):\n    return kind != 'column' or 'mine' not in item.info"
    text = env.read_text().replace("include_name=hook", "include_object=hook")
    write(env, text.replace(code, hidden))
    more = "ours: Mapped[int | None] = mapped_column(info={'mine': True})"
    write(root / "services" / "shop" / "models.py", item(NUMBER, more).replace("T_", "shop_"))
    ran = invoke("migrate.verify", "--format", "json", cwd=root)
    told = [error["where"] for error in ran.json["errors"]]
    assert "column public.shop_items.ours" not in told
    assert "index public.shop_by_hand" in told, "what the new hook does not refuse is told"
