"""migrate.new --safe: unsafe changes as revisions that let readers and writers go on, each run on the real server."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.monorepo import MODELS, Rev, Svc, build_monorepo
from tests.workflows.project import Project

TABLES = """
CREATE TABLE customers (id bigint PRIMARY KEY, email text, code text);
CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint, total int, state text, note text, price int);
CREATE INDEX orders_note ON orders (note);
CREATE INDEX orders_state ON orders (state)
"""
BEFORE = """
class Customer(Base):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    email: Mapped[str | None] = mapped_column(sa.Text)
    code: Mapped[str | None] = mapped_column(sa.Text)


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    customer: Mapped[int | None] = mapped_column(sa.BigInteger)
    total: Mapped[int | None]
    state: Mapped[str | None] = mapped_column(sa.Text)
    note: Mapped[str | None] = mapped_column(sa.Text)
    price: Mapped[int | None]
    __table_args__ = (sa.Index("orders_state", "state"), sa.Index("orders_note", "note"))
"""
AFTER = """
class Customer(Base):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    email: Mapped[str | None] = mapped_column(sa.Text, unique=True)
    code: Mapped[str | None] = mapped_column(sa.Text, index=True, comment="what support calls them by")


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    customer: Mapped[int | None] = mapped_column(sa.BigInteger, sa.ForeignKey("customers.id", ondelete="CASCADE"))
    total: Mapped[int]
    state: Mapped[str] = mapped_column(sa.Text, server_default="it's :new")
    note: Mapped[str | None] = mapped_column(sa.Text)
    price: Mapped[int | None]
    weight: Mapped[int]
    shipped: Mapped[bool | None]
    __table_args__ = (
        sa.Index("orders_state", "state", "id"),
        sa.CheckConstraint("price > 0", name="orders_price_positive"),
    )


class Invoice(Base):
    __tablename__ = "invoices"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    order: Mapped[int] = mapped_column(sa.ForeignKey("orders.id"), index=True)
"""
ROWS = """
INSERT INTO customers SELECT n, 'c' || n, 'k' || n FROM generate_series(1, 50) n;
INSERT INTO orders (id, customer, price) SELECT n, n % 50 + 1, n FROM generate_series(1, 2000) n
"""
FILLS = "orders.total=coalesce(price, 0) * 2; orders.weight=1"
STEPS = [
    "expand: fill orders.state",
    "expand: fill orders.total",
    "expand: add orders.weight",
    "expand: fill orders.weight",
    "expand: build index ix_customers_code of customers",
    "expand: build index orders_state of orders anew",
    "expand: drop index orders_note of orders",
    "contract: refuse new NULLs in orders.state",
    "contract: validate that orders.state has no NULL",
    "contract: make orders.state NOT NULL",
    "contract: refuse new NULLs in orders.total",
    "contract: validate that orders.total has no NULL",
    "contract: make orders.total NOT NULL",
    "contract: refuse new NULLs in orders.weight",
    "contract: validate that orders.weight has no NULL",
    "contract: make orders.weight NOT NULL",
    "contract: add customers_email_key of customers",
    "contract: add orders_customer_fkey of orders for new rows",
    "contract: validate orders_customer_fkey of orders",
    "contract: add orders_price_positive of orders for new rows",
    "contract: validate orders_price_positive of orders",
]
NEW = ("migrate.new", "--service", "shop", "--safe")


def shop(root: Path, address: Address, models: str = BEFORE, tables: str = TABLES) -> Project:
    up = "\n".join(f"op.execute({sql.strip()!r})" for sql in tables.split(";") if sql.strip())
    made = re.findall(r"CREATE TABLE (\w+)", tables)
    down = "\n".join(f'op.execute("DROP TABLE IF EXISTS {name}")' for name in reversed(made))
    revisions = (Rev(id="s1", up=up, down=down),)
    owns = (*made, "invoices")
    build_monorepo(root, {"shop": Svc(revisions=revisions, models=models, owns=owns)}, url=address.url())
    return Project(root, address)


def follow(made: Project, models: str, message: str, *words: str) -> dict[str, Any]:
    (made.root / "services/shop/models.py").write_text(MODELS + models)
    ran = made.invoke(*NEW, "-m", message, *words, "--format", "json")
    assert ran.code == 0, ran.err + ran.out
    result: dict[str, Any] = ran.json["result"]
    return result


def source(made: Project, step: dict[str, Any]) -> str:
    return (made.root / str(step["path"])).read_text()


def apply(made: Project) -> None:
    ran = made.invoke("migrate.apply", "--accept", "contract")
    assert ran.code == 0, ran.err


def alembic(made: Project, *words: str) -> None:
    """Plain Alembic in the service's folder."""
    home = made.root / "services/shop"
    url = made.address.url().replace("postgresql://", "postgresql+psycopg://")
    ini = home / "alembic.ini"
    ini.write_text(
        re.sub(
            r"^sqlalchemy.url = .*$",
            lambda _: f"sqlalchemy.url = {url.replace('%', '%%')}",
            ini.read_text(),
            flags=re.MULTILINE,
        )
    )
    ran = subprocess.run(
        [sys.executable, "-m", "alembic", *words], cwd=home, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_harmless_changes_are_one_revision_and_the_rest_are_steps(tmp_path: Path, database: Address) -> None:
    made = shop(tmp_path, database)
    apply(made)
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute(ROWS)
    result = follow(made, AFTER, "follow the models", "--fill", FILLS)
    assert [f"{step['phase']}: {step['what']}" for step in result["steps"]] == STEPS
    assert result["as_one"] == []
    assert result["proven"] is True
    assert [one for one in result["lint"] if one["path"] != result["path"]] == []
    plain = source(made, result)
    assert "create_table('invoices'" in plain
    assert "shipped" in plain
    for later in ("customers_email_key", "orders_customer_fkey", "orders_price_positive", "weight"):
        assert later not in plain, later
    locks_are_told(made, result)
    an_invalid_index_is_there(made)
    apply(made)
    everything_holds(made)
    alembic(made, "downgrade", "s1")
    with psycopg.connect(database.url()) as conn:
        assert conn.execute("SELECT count(*), count(total) FROM orders").fetchone() == (2000, 2000)
        left = conn.execute("SELECT count(*) FROM pg_constraint WHERE conrelid = 'orders'::regclass AND contype = 'f'")
        assert left.fetchone() == (0,)
    alembic(made, "upgrade", "head")
    everything_holds(made)


def locks_are_told(made: Project, result: dict[str, Any]) -> None:
    told = {step["what"]: " ".join(source(made, step).partition('"""\nfrom')[0].split()) for step in result["steps"]}
    valid = told["validate that orders.total has no NULL"]
    assert "Locks, as measured on PostgreSQL 18: ShareUpdateExclusiveLock on orders: readers and writers go on" in valid
    flag = told["make orders.total NOT NULL"]
    assert "AccessExclusiveLock on orders: readers and writers wait for it" in flag
    assert "no row is read" in flag
    assert "Locks" not in told["fill orders.total"]
    key = told["add orders_customer_fkey of orders for new rows"]
    assert "ShareRowExclusiveLock on customers: writers wait for it" in key


def an_invalid_index_is_there(made: Project) -> None:
    """What a build leaves that was interrupted."""
    with psycopg.connect(made.address.url(), autocommit=True) as conn:
        conn.execute("INSERT INTO customers VALUES (51, 'c1')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            conn.execute("CREATE UNIQUE INDEX CONCURRENTLY customers_email_key ON customers (email)")
        conn.execute("DELETE FROM customers WHERE id = 51")


def everything_holds(made: Project) -> None:
    with psycopg.connect(made.address.url()) as conn:
        row = conn.execute("SELECT total, state, weight FROM orders WHERE id = 7").fetchone()
        assert row == (14, "it's :new", 1)
        assert conn.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone() == (0,)
        assert conn.execute("SELECT count(*) FROM pg_constraint WHERE NOT convalidated").fetchone() == (0,)
    assert made.invoke("migrate.verify").code == 0


RENAMED = """
class Customer(Base):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    buyer: Mapped[int] = mapped_column(sa.ForeignKey("customers.id"), comment="who pays")
    total: Mapped[int] = mapped_column(sa.BigInteger, server_default="0", comment="cents")
    code: Mapped[str | None] = mapped_column(sa.Text, unique=True)
    __table_args__ = (
        sa.Index("orders_buyer", "buyer"),
        sa.Index("orders_total", "total"),
        sa.CheckConstraint("total >= 0", name="orders_total_positive"),
    )
"""
FORMER = """
CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint NOT NULL REFERENCES customers, total int NOT NULL DEFAULT 0
    CONSTRAINT orders_total_positive CHECK (total >= 0), code varchar(9) UNIQUE);
CREATE INDEX orders_customer ON orders (customer);
CREATE INDEX orders_total ON orders (total);
COMMENT ON COLUMN orders.total IS 'cents';
COMMENT ON COLUMN orders.customer IS 'who buys'
"""
OLD_CODE = "INSERT INTO orders (id, customer, total) VALUES (%s, 1, %s)"
NEW_CODE = "INSERT INTO orders (id, buyer) VALUES (%s, 2)"


def test_a_rename_and_a_type_keep_old_and_new_code_going(tmp_path: Path, database: Address) -> None:
    made = shop(tmp_path, database, RENAMED, FORMER)
    apply(made)
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute("INSERT INTO customers VALUES (1), (2)")
        conn.execute("INSERT INTO orders SELECT n, 1, n, 'k' || n FROM generate_series(1, 500) n")
    result = follow(made, RENAMED, "call it the buyer", "--rename", "orders.customer=buyer")
    assert result["proven"] is True
    assert [one for one in result["lint"] if one["path"] != result["path"]] == []
    assert result["as_one"] == []
    phases = [step["phase"] for step in result["steps"]]
    assert phases[-2:] == ["contract", "contract"]
    ran = made.invoke("migrate.apply", "--phase", "expand")
    assert ran.code == 0, ran.err
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute(OLD_CODE, (501, 7))
        conn.execute(NEW_CODE, (502,))
        conn.execute("UPDATE orders SET customer = 2 WHERE id = 1")
        conn.execute("UPDATE orders SET buyer = 2 WHERE id = 2")
        both = conn.execute("SELECT id, customer, buyer FROM orders WHERE id IN (1, 2, 3, 501, 502) ORDER BY id")
        assert both.fetchall() == [(1, 2, 2), (2, 2, 2), (3, 1, 1), (501, 1, 1), (502, 2, 2)]
    apply(made)
    with psycopg.connect(database.url(), autocommit=True) as conn:
        assert conn.execute("SELECT sum(total), max(pg_typeof(total)::text) FROM orders").fetchone() == (
            125257,
            "bigint",
        )
        assert conn.execute("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal").fetchone() == (0,)
    assert made.invoke("migrate.verify").code == 0
    alembic(made, "downgrade", "s1")
    with psycopg.connect(database.url(), autocommit=True) as conn:
        found = conn.execute("SELECT sum(total), sum(customer), max(pg_typeof(total)::text) FROM orders").fetchone()
        assert found == (125257, 505, "integer")


SMALL = """
CREATE TABLE parents (id bigint PRIMARY KEY);
CREATE TABLE things (id bigint PRIMARY KEY, parent bigint REFERENCES parents, size int CHECK (size > 0), name text);
CREATE TABLE parts (id bigint, kind text) PARTITION BY LIST (kind)
"""
LARGER = """
class Parent(Base):
    __tablename__ = "parents"
    number: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)


class Thing(Base):
    __tablename__ = "things"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    parent: Mapped[int | None] = mapped_column(sa.BigInteger, sa.ForeignKey("parents.number"))
    size: Mapped[int | None] = mapped_column(sa.CheckConstraint("size > 0", name="things_size_check"))
    name: Mapped[str] = mapped_column(sa.Text)
    token: Mapped[str] = mapped_column(sa.Uuid, server_default=sa.text("gen_random_uuid()"))
"""


def test_on_18_not_null_is_a_constraint_and_what_has_no_steps_is_told(tmp_path: Path, database: Address) -> None:
    made = shop(tmp_path, database, "", SMALL.rpartition(";")[0])
    apply(made)
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute("INSERT INTO things (id) VALUES (1), (2)")
    new = (*NEW, "-m", "name all things", "--oldest", "18", "--rename", "parents.id=number")
    (made.root / "services/shop/models.py").write_text(MODELS + LARGER)
    assert made.invoke(*new, "--fill", "things.size=1").code == 2
    assert made.invoke(*new, "--oldest", "9").code == 2
    dry = made.invoke(*new, "--dry-run", "--format", "json").json["result"]
    result = follow(made, LARGER, "name all things", *new[6:], "--fill", "things.name='a;b'")
    steps = [f"{step['phase']}: {step['what']}" for step in result["steps"]]
    assert result["as_one"] == ["parents.id: it is in a primary key or an exclusion constraint"]
    assert result["operations"] == ["rename parents.id to number"]
    assert steps == [
        "expand: fill things.name",
        "expand: add things.token",
        "expand: fill things.token",
        "contract: refuse new NULLs in things.name",
        "contract: make things.name NOT NULL",
        "contract: refuse new NULLs in things.token",
        "contract: make things.token NOT NULL",
    ]
    assert [f"{step['phase']}: {step['what']}" for step in dry["steps"]] == [
        one for one in steps if "fill things.name" not in one
    ]
    assert [one for one in result["lint"] if one["path"] != result["path"]] == []
    apply(made)
    with psycopg.connect(database.url()) as conn:
        assert conn.execute("SELECT count(DISTINCT token), min(name) FROM things").fetchone() == (2, "a;b")
    assert made.invoke("migrate.verify").code == 0
    alembic(made, "downgrade", "s1")


GOODS = """
class Good(Base):
    __tablename__ = "goods"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    price: Mapped[float] = mapped_column(sa.Float)
"""
GOODS_NOW = """
class Good(Base):
    __tablename__ = "goods"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    price: Mapped[float] = mapped_column(sa.Numeric(10, 2), index=True)
    kind: Mapped[str] = mapped_column(sa.Enum("a", "b", name="good_kind"))
    __table_args__ = (sa.CheckConstraint("price >= 0", name="goods_price"),)
"""


def test_a_rule_on_a_column_of_another_type_comes_last_and_an_enum_comes_first(
    tmp_path: Path, database: Address
) -> None:
    """The type stands in no `owns`: nothing but the column that the steps add has it."""
    table = "CREATE TABLE goods (id bigint PRIMARY KEY, price double precision NOT NULL)"
    made = shop(tmp_path, database, GOODS, table)
    apply(made)
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute("INSERT INTO goods VALUES (1, 1.5), (2, 2)")
    result = follow(made, GOODS_NOW, "say what a good is", "--fill", "goods.kind='a'")
    assert result["proven"] is True
    assert result["operations"] == ["CREATE TYPE public.good_kind AS ENUM ('a', 'b')"]
    assert [step["what"] for step in result["steps"]][-4:] == [
        "put price_new in the place of goods.price",
        "add goods_price of goods for new rows",
        "validate goods_price of goods",
        "build index ix_goods_price of goods",
    ]
    apply(made)
    assert made.invoke("migrate.verify").code == 0
