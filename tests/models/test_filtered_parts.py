"""Columns, indexes and constraints that env.py keeps from Alembic are no difference, and no revision touches them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine

from aegisdb.postgres.address import Address
from aegisdb.runtime.worker.filtered_parts import FilteredParts
from tests.invoke import invoke
from tests.models.edits import item
from tests.monorepo import Rev, Svc, build_monorepo, write

NUMBER = "number: Mapped[int | None]"
UP = """op.execute("CREATE TABLE shop_items (id serial PRIMARY KEY, number int REFERENCES shop_items UNIQUE)")
op.execute("CREATE INDEX shop_by_hand ON shop_items (id, number)")
op.execute("ALTER TABLE shop_items ADD CHECK (number > 0)")
op.execute("COMMENT ON INDEX shop_by_hand IS 'by hand'")
"""
PARTS = """
CREATE SCHEMA parts;
CREATE TABLE parts.a (
    id serial PRIMARY KEY, "we''ird" int UNIQUE, "C" text CHECK (length("C") > 2), b int NOT NULL REFERENCES parts.a,
    x int4range, EXCLUDE USING gist (x WITH &&)
);
CREATE INDEX ia ON parts.a (b);
CREATE UNIQUE INDEX ua ON parts.a (id, b);
CREATE INDEX xa ON parts.a ((b + 1)) WHERE b > 0;
CREATE TABLE parts."T''q" (LIKE parts.a INCLUDING ALL);
CREATE TABLE parts.p (a int, b int) PARTITION BY RANGE (a);
CREATE INDEX ON parts.p (b);
CREATE TABLE parts.p1 PARTITION OF parts.p FOR VALUES FROM (0) TO (9);
CREATE UNIQUE INDEX referred ON parts.a (b);
CREATE TABLE parts.k (b int REFERENCES parts.a (b));
CREATE UNIQUE INDEX referred_by_itself ON parts.k (b);
ALTER TABLE parts.k ADD FOREIGN KEY (b) REFERENCES parts.k (b);
CREATE TABLE parts.c (CONSTRAINT ck CHECK (b > 1)) INHERITS (parts.k);
ALTER TABLE parts.a DROP COLUMN x
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


def test_names_of_parts_are_those_that_sqlalchemy_reflects(database: Address) -> None:
    names: set[tuple[str, ...]] = set()
    reflected: set[tuple[str, ...]] = set()

    def include_name(name: str, kind: str, parents: dict[str, str]) -> bool:
        names.add((parents["table_name"], kind, name))
        return True

    def include_object(item: Any, name: str, kind: str, *_: object) -> bool:
        reflected.add((item.table.name, kind, name))
        return True

    def anything(*_: object) -> bool:
        return True

    engine = create_engine(database.url().replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    with engine.connect() as conn:
        for statement in filter(None, map(str.strip, PARTS.split(";"))):
            conn.exec_driver_sql(statement)
        tables = conn.exec_driver_sql(
            "SELECT 'parts', relname FROM pg_class WHERE relnamespace = 'parts'::regnamespace AND relkind IN ('r', 'p')"
        )
        there = [(schema, name) for schema, name in tables]
        for hooks in ((include_name, None), (anything, include_object)):
            assert not [*FilteredParts(conn, {}, *hooks).left_out(there, lambda schema: schema)]
    assert names == reflected
    assert len(names) > 20
