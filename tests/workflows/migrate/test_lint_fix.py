"""migrate.lint --fix: a new revision that was never applied, written again in safe steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.lint.repository import commit, git
from tests.monorepo import Rev, Svc, build_monorepo
from tests.workflows.project import Project

TABLES = """
CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint, total int, price int)
"""
UP = """
op.add_column("orders", sa.Column("note", sa.Text()))
op.alter_column("orders", "total", existing_type=sa.Integer(), nullable=False)
op.create_foreign_key("orders_customer", "orders", "customers", ["customer"], ["id"])
op.create_index("orders_price", "orders", ["price"])
op.execute("ALTER TABLE orders ADD CONSTRAINT price_positive CHECK (price > 0)")
"""
DOWN = """
op.execute("ALTER TABLE orders DROP CONSTRAINT IF EXISTS price_positive")
op.drop_index("orders_price", table_name="orders")
op.drop_constraint("orders_customer", "orders", type_="foreignkey")
op.alter_column("orders", "total", existing_type=sa.Integer(), nullable=True)
op.drop_column("orders", "note")
"""


def branch(root: Path, address: Address, up: str, down: str) -> tuple[Project, Path]:
    """A repository whose branch has one revision that the default branch lacks."""
    first = Rev(id="s1", up=f"for sql in {TABLES.split(';')!r}:\n    op.execute(sql)", down="op.drop_table('orders')")
    second = Rev(id="s2", up=up, down=down, message="settle what orders may be")
    services = {"shop": Svc(revisions=(first, second), owns=("orders", "customers"))}
    build_monorepo(root, services, url=address.url())
    path = root / "services/shop/alembic/versions/s2.py"
    text = path.read_text()
    path.unlink()
    commit(root)
    git(root, "checkout", "-q", "-b", "orders")
    path.write_text(text)
    return Project(root, address), path


def fix(made: Project, *words: str) -> dict[str, Any]:
    ran = made.invoke("migrate.lint", "--fix", *words, "--format", "json")
    assert ran.code in {0, 6}, ran.err
    result: dict[str, Any] = ran.json["result"]
    return result


def test_it_becomes_a_harmless_revision_and_steps(tmp_path: Path, database: Address) -> None:
    made, path = branch(tmp_path, database, UP, DOWN)
    result = fix(made, "--fill", "orders.total=0")
    (fixed,) = result["fixed"]
    assert fixed["why"] == ""
    assert result["findings"] == []
    text = path.read_text()
    assert "note" in text
    assert "nullable" not in text
    assert "price" not in text
    assert len(fixed["steps"]) == 9
    assert made.invoke("migrate.apply", "--accept", "contract").code == 0
    with psycopg.connect(database.url()) as conn:
        conn.execute("INSERT INTO customers VALUES (1)")
        with pytest.raises(psycopg.errors.NotNullViolation):
            conn.execute("INSERT INTO orders (id, customer) VALUES (1, 1)")


def test_a_file_of_which_nothing_is_left_goes(tmp_path: Path, database: Address) -> None:
    up, down = 'op.create_index("orders_price", "orders", ["price"])', 'op.drop_index("orders_price", "orders")'
    made, path = branch(tmp_path, database, up, down)
    (fixed,) = fix(made)["fixed"]
    assert fixed["removed"] is True
    assert not path.exists()
    assert [step["what"] for step in fixed["steps"]] == ["build index orders_price of orders"]


@pytest.mark.parametrize("how", ["applied", "hidden", "one of two"])
def test_what_cannot_be_taken_apart_is_left_as_it_is(tmp_path: Path, database: Address, how: str) -> None:
    up, down = 'op.create_index("orders_price", "orders", ["price"])', 'op.drop_index("orders_price", "orders")'
    if how == "hidden":
        up = f"if True:\n    {up}"
    if how == "one of two":
        up = 'op.execute("CREATE INDEX IF NOT EXISTS orders_price ON orders (price); ALTER TABLE orders ADD note text")'
        down += '\nop.drop_column("orders", "note")'
    made, path = branch(tmp_path, database, up, down)
    text = path.read_text()
    if how == "applied":
        assert made.invoke("migrate.apply").code == 0
    (fixed,) = fix(made)["fixed"]
    assert fixed["why"]
    assert path.read_text() == text
    assert sorted(path.parent.glob("*.py")) == [path.parent / "s1.py", path]
