"""kill -9 of a run within each CONCURRENTLY of `migrate.new --safe`: what is INVALID goes, and the step runs again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psycopg

from aegisdb.postgres.address import Address
from tests.running import children, eventually, rows, running
from tests.workflows.migrate.test_new_safe import apply, follow, shop
from tests.workflows.project import Project

TABLES = """
CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint, code text, note text,
    CONSTRAINT orders_code UNIQUE (code));
CREATE INDEX orders_note ON orders (note);
CREATE INDEX orders_customer ON orders (customer)
"""
BEFORE = """
class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    customer: Mapped[int | None] = mapped_column(sa.BigInteger, index=False)
    code: Mapped[str | None] = mapped_column(sa.Text)
    note: Mapped[str | None] = mapped_column(sa.Text)
    __table_args__ = (
        sa.UniqueConstraint("code", name="orders_code"),
        sa.Index("orders_note", "note"),
        sa.Index("orders_customer", "customer"),
    )
"""
AFTER = """
class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    customer: Mapped[int | None] = mapped_column(sa.BigInteger)
    code: Mapped[str | None] = mapped_column(sa.Text)
    note: Mapped[str | None] = mapped_column(sa.Text)
    __table_args__ = (
        sa.UniqueConstraint("code", "customer", name="orders_code"),
        sa.Index("orders_customer", "customer", "id"),
        sa.Index("orders_both", "customer", "note"),
    )
"""
INVALID = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
WAITS = "SELECT FROM pg_stat_activity WHERE query LIKE '%CONCURRENTLY%' AND wait_event_type = 'Lock'"
"""What waits for a transaction that began before it."""
INDEXES = "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'orders'::regclass ORDER BY 1"


def test_each_step_that_died_in_a_build_or_a_drop_runs_again(tmp_path: Path, database: Address) -> None:
    made = shop(tmp_path, database, BEFORE, TABLES)
    apply(made)
    rows(database, "INSERT INTO orders SELECT n, n, n, n FROM generate_series(1, 500) n RETURNING 1")
    steps = follow(made, AFTER, "other indexes")["steps"]
    assert [step["what"] for step in steps] == [
        "build index orders_both of orders",
        "build index orders_customer of orders anew",
        "drop index orders_note of orders",
        "add orders_code of orders",
    ]
    for step, left in zip(steps, ("orders_both", "orders_customer_new", "orders_note", "orders_code_new"), strict=True):
        assert died_in(made, step["revision"]) == [(left,)]
        status = made.invoke("migrate.status")
        assert (status.code, "repeatable" in status.err) == (5, True), status.err
        again = made.invoke("migrate.apply", "--service", "shop", "--to", step["revision"], "--accept", "contract")
        assert again.code == 0, again.err
        assert f"shop {step['revision']} died half-way and is repeatable: run again" in again.out
        assert rows(database, INVALID) == []
    assert rows(database, INDEXES) == [("orders_both",), ("orders_code",), ("orders_customer",), ("orders_pkey",)]
    assert made.invoke("migrate.verify").code == 0


def died_in(made: Project, revision: str) -> list[tuple[object, ...]]:
    """What is INVALID after an apply up to `revision` was killed while the server waits within its CONCURRENTLY."""
    words = ("migrate.apply", "--service", "shop", "--to", revision, "--accept", "contract")
    with psycopg.connect(made.address.url()) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM orders")
        with running(made.root, *words, env=made.env) as process:
            assert eventually(lambda: bool(rows(made.address, WAITS) and rows(made.address, INVALID)))
            for pid in (process.pid, *children(process.pid)):
                os.kill(pid, signal.SIGKILL)
        # the server works on until `lock_timeout` ends it
        assert eventually(lambda: not rows(made.address, WAITS))
    return rows(made.address, INVALID)
