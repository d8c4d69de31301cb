"""The table of docs/rolling.md: each change applied for real, and what the deployed code cannot do any more."""

# ruff: noqa: E501  a change reads best on one line
from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.invoke import ROOT, invoke
from tests.postgres_server import TestServer
from tests.workflows.migrate.compat_shop import change, deployed

ITEMS, ORDERS, EMPTY, CHEAP = "shop_items", "shop_orders", "shop_empty", "shop_cheap"
MOVED = (
    "CREATE TABLE shop_notes (item bigint PRIMARY KEY REFERENCES shop_items ON DELETE CASCADE, note text)",
    "INSERT INTO shop_notes SELECT id, note FROM shop_items",
    "ALTER TABLE shop_items DROP COLUMN note",
)
NO_GONE = (
    "ALTER TYPE shop_state RENAME TO old_state",
    "CREATE TYPE shop_state AS ENUM ('new', 'sold')",
    "UPDATE shop_items SET state = 'sold' WHERE state = 'gone'",
    "DROP VIEW shop_cheap",
    "ALTER TABLE shop_items ALTER state DROP DEFAULT, ALTER state TYPE shop_state USING state::text::shop_state, ALTER state SET DEFAULT 'new'",
    "CREATE VIEW shop_cheap AS SELECT id, name FROM shop_items WHERE price < 10",
    "DROP TYPE old_state",
)
PARTITIONED = (
    "DROP TABLE shop_empty",
    "CREATE TABLE shop_empty (id bigint PRIMARY KEY, number int NOT NULL, note text) PARTITION BY RANGE (id)",
    "CREATE TABLE shop_empty_1 PARTITION OF shop_empty FOR VALUES FROM (0) TO (1000)",
)
PARTITIONED_NOTES = (
    "DROP TABLE shop_empty",
    "CREATE TABLE shop_empty (id bigint, number int NOT NULL, note text NOT NULL, PRIMARY KEY (id, note)) PARTITION BY LIST (note)",
    "CREATE TABLE shop_empty_1 PARTITION OF shop_empty DEFAULT",
)
REFUSING = (
    "CREATE FUNCTION shop_refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'say who orders'; END$$",
    "CREATE TRIGGER shop_refuse BEFORE INSERT ON shop_orders FOR EACH ROW WHEN (new.person IS NULL) EXECUTE FUNCTION shop_refuse()",
)
FROZEN = (
    "CREATE FUNCTION shop_freeze() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'orders are kept'; END$$",
    "CREATE TRIGGER shop_freeze BEFORE DELETE ON shop_orders FOR EACH ROW EXECUTE FUNCTION shop_freeze()",
)
SWALLOWING = (
    "CREATE FUNCTION shop_swallow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$",
    "CREATE TRIGGER shop_swallow BEFORE INSERT ON shop_orders FOR EACH ROW EXECUTE FUNCTION shop_swallow()",
    "CREATE TRIGGER shop_swallow BEFORE UPDATE OR DELETE ON shop_empty FOR EACH ROW EXECUTE FUNCTION shop_swallow()",
)

ENUM_TO_TEXT = (
    "DROP VIEW shop_cheap",
    "ALTER TABLE shop_items ALTER state DROP DEFAULT, ALTER state TYPE text, ALTER state SET DEFAULT 'new'",
    "DROP TYPE shop_state",
    "CREATE VIEW shop_cheap AS SELECT id, name FROM shop_items WHERE price < 10",
)

BREAKING: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "add NOT NULL without default": (("ALTER TABLE shop_empty ADD c int NOT NULL",), (f"shop inserts {EMPTY}.c",)),
    "drop a column": (("ALTER TABLE shop_items DROP note",), (f"shop reads, inserts and updates {ITEMS}.note",)),
    "drop a column that a neighbour reads": (("DROP VIEW shop_cheap", "ALTER TABLE shop_items DROP name"), (f"shop reads, inserts and updates {ITEMS}.name", f"mail reads and updates {ITEMS}.name", f"shop reads, updates and deletes {CHEAP}", "mail says services/mail/report.py:5", "mail says services/mail/suite.py:6")),
    "rename a column": (("ALTER TABLE shop_orders RENAME amount TO quantity",), (f"shop reads, inserts and updates {ORDERS}.amount",)),
    "drop a table": (("DROP TABLE shop_empty",), (f"shop reads, inserts, updates and deletes {EMPTY}",)),
    "rename a table": (("ALTER TABLE shop_orders RENAME TO shop_purchases",), (f"shop reads, inserts, updates and deletes {ORDERS}",)),
    "move a table to another schema": (("CREATE SCHEMA shelf", "ALTER TABLE shop_orders SET SCHEMA shelf"), (f"shop reads, inserts, updates and deletes {ORDERS}",)),
    "move a column to another table": (MOVED, (f"shop reads, inserts and updates {ITEMS}.note",)),
    "narrow a text": (("ALTER TABLE shop_items ALTER note TYPE varchar(20)",), (f"shop updates {ITEMS}.note",)),
    "narrow a number": (("ALTER TABLE shop_orders ALTER amount TYPE smallint",), (f"shop updates {ORDERS}.amount",)),
    "narrow the scale of a number": (("DROP VIEW shop_cheap", "ALTER TABLE shop_items ALTER price TYPE numeric(10,1)", "CREATE VIEW shop_cheap AS SELECT id, name FROM shop_items WHERE price < 10"), (f"shop updates {ITEMS}.price",)),
    "number becomes text": (("ALTER TABLE shop_orders ALTER amount TYPE text",), (f"shop reads {ORDERS}.amount", f"shop updates {ORDERS}.amount")),
    "timestamp gets a time zone": (("ALTER TABLE shop_items ALTER seen TYPE timestamptz",), (f"shop reads {ITEMS}.seen",)),
    "SET NOT NULL": (("UPDATE shop_items SET note = '' WHERE note IS NULL", "ALTER TABLE shop_items ALTER note SET NOT NULL"), (f"shop inserts and updates {ITEMS}.note",)),
    "CHECK that stands for NOT NULL": (("ALTER TABLE shop_items ADD CONSTRAINT n CHECK (note IS NOT NULL) NOT VALID",), (f"shop inserts and updates {ITEMS}.note", f"mail updates {ITEMS}.note")),
    "CHECK that old rows break, NOT VALID": (("ALTER TABLE shop_items ADD CONSTRAINT s CHECK (stock < 500) NOT VALID",), (f"shop updates {ITEMS}.stock", f"mail updates {ITEMS}.stock", f"shop updates {CHEAP}")),
    "CHECK after the rows were changed": (("UPDATE shop_items SET note = 'metal' WHERE note = 'steel'", "ALTER TABLE shop_items ADD CONSTRAINT m CHECK (note <> 'steel')"), (f"shop updates {ITEMS}.note",)),
    "enum value removed": (NO_GONE, (f"shop updates {ITEMS}.state",)),
    "foreign key to rows that get deleted": (("ALTER TABLE mail_people ADD item bigint REFERENCES shop_items", "UPDATE mail_people SET item = 4 WHERE id = 1"), (f"shop deletes {ITEMS}", f"mail deletes {ITEMS}", f"shop deletes {CHEAP}")),
    "view without a column": (("DROP VIEW shop_cheap", "CREATE VIEW shop_cheap AS SELECT id FROM shop_items WHERE price < 10"), (f"shop reads and updates {CHEAP}.name",)),
    "view that cannot be written": (("CREATE OR REPLACE VIEW shop_cheap AS SELECT DISTINCT id, name FROM shop_items",), (f"shop updates and deletes {CHEAP}",)),
    "view dropped": (("DROP VIEW shop_cheap",), (f"shop reads, updates and deletes {CHEAP}",)),
    "trigger that refuses": (REFUSING, (f"shop inserts {ORDERS}",)),
    "trigger that keeps rows": (FROZEN, (f"shop deletes {ORDERS}",)),
    "trigger that drops what is written": (SWALLOWING, (f"shop inserts {ORDERS}", f"shop updates and deletes {EMPTY}")),
    "partitions with another key": (PARTITIONED_NOTES, (f"shop inserts and updates {EMPTY}.note",)),
    "default dropped, NOT NULL": (("ALTER TABLE shop_items ALTER stock DROP DEFAULT",), (f"shop inserts {ITEMS}.stock",)),
    "default dropped, nullable": (("ALTER TABLE shop_items ALTER weight DROP DEFAULT",), (f"shop inserts {ITEMS}.weight",)),
    "identity dropped": (("ALTER TABLE shop_items ALTER id DROP IDENTITY",), (f"shop inserts {ITEMS}.id",)),
    "column becomes generated": (("ALTER TABLE shop_orders DROP amount", "ALTER TABLE shop_orders ADD amount int GENERATED ALWAYS AS (1) STORED NOT NULL"), (f"shop inserts and updates {ORDERS}.amount",)),
    "function with another signature": (("DROP FUNCTION shop_total", "CREATE FUNCTION shop_total(item bigint, since date) RETURNS bigint LANGUAGE sql AS 'SELECT 1'"), ("mail says services/mail/report.py:6",)),
    "row security": (("ALTER TABLE shop_empty ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",), ()),
}  # fmt: skip

HARMLESS: dict[str, tuple[str, ...]] = {
    "add a nullable column": ("ALTER TABLE shop_items ADD c text",),
    "add NOT NULL with default": ("ALTER TABLE shop_items ADD c int NOT NULL DEFAULT 0",),
    "add a generated column": ("ALTER TABLE shop_items ADD c numeric GENERATED ALWAYS AS (price * 2) STORED",),
    "add a table": ("CREATE TABLE shop_new (id bigint PRIMARY KEY, item bigint REFERENCES shop_items)",),
    "add an index": ("CREATE INDEX shop_items_day ON shop_items (day)",),
    "drop an index": ("DROP INDEX shop_items_name",),
    "drop NOT NULL": ("ALTER TABLE shop_items ALTER price DROP NOT NULL",),
    "drop a CHECK": ("ALTER TABLE shop_items DROP CONSTRAINT shop_items_price",),
    "drop a foreign key": ("ALTER TABLE shop_orders DROP CONSTRAINT shop_orders_item_id_fkey",),
    "widen a text": ("ALTER TABLE shop_items ALTER note TYPE varchar(5000)",),
    "widen a length": ("DROP VIEW shop_cheap", "ALTER TABLE shop_items ALTER name TYPE varchar(200)", "CREATE VIEW shop_cheap AS SELECT id, name FROM shop_items WHERE price < 10"),
    "widen a number": ("ALTER TABLE shop_orders ALTER amount TYPE bigint",),
    "widen a precision": ("DROP VIEW shop_cheap", "ALTER TABLE shop_items ALTER price TYPE numeric(14,2)", "CREATE VIEW shop_cheap AS SELECT id, name FROM shop_items WHERE price < 10"),
    "enum value added": ("ALTER TYPE shop_state ADD VALUE 'lost'",),
    "enum becomes text": ENUM_TO_TEXT,
    "change a default": ("ALTER TABLE shop_items ALTER stock SET DEFAULT 5",),
    "CHECK that old rows and defaults keep": ("ALTER TABLE shop_items ADD CONSTRAINT c CHECK (stock < 100000)",),
    "unique on values that are": ("CREATE UNIQUE INDEX shop_orders_item ON shop_orders (item_id)",),
    "foreign key that rows keep, SET NULL": ("ALTER TABLE shop_orders ADD CONSTRAINT p FOREIGN KEY (person) REFERENCES mail_people ON DELETE SET NULL",),
    "view with one more column": ("CREATE OR REPLACE VIEW shop_cheap AS SELECT id, name, price FROM shop_items WHERE price < 10",),
    "trigger that only notes": ("CREATE TABLE shop_log (id bigint)", "CREATE FUNCTION shop_note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO shop_log VALUES (new.id); RETURN new; END$$", "CREATE TRIGGER shop_note BEFORE INSERT OR UPDATE ON shop_orders FOR EACH ROW EXECUTE FUNCTION shop_note()"),
    "partitions with the same key": PARTITIONED,
    "comments": ("COMMENT ON TABLE shop_items IS 'for sale'",),
    "rename an index": ("ALTER INDEX shop_items_name RENAME TO shop_items_by_name",),
    "rows changed only": ("UPDATE shop_items SET note = 'none' WHERE note IS NULL",),
}  # fmt: skip

TOLD: dict[str, tuple[str, ...]] = {
    "enum value added": ("new value shop shop_items.state",),
    "unique on values that are": ("restricted shop shop_orders.item_id",),
    "partitions with the same key": ("restricted shop shop_empty",),
    "foreign key that rows keep, SET NULL": ("restricted shop shop_orders.person",),
    "CHECK that old rows and defaults keep": ("restricted shop shop_items.stock",),
}  # fmt: skip


TOGETHER = (
    (
        "add a nullable column",
        "add a table",
        "add an index",
        "drop an index",
        "drop NOT NULL",
        "drop a CHECK",
        "drop a foreign key",
        "widen a text",
        "change a default",
        "trigger that only notes",
        "comments",
    ),
    (
        "add NOT NULL with default",
        "widen a length",
        "widen a number",
        "enum value added",
        "CHECK that old rows and defaults keep",
        "unique on values that are",
        "partitions with the same key",
        "rename an index",
        "rows changed only",
    ),
    ("widen a precision", "enum becomes text", "foreign key that rows keep, SET NULL"),
    ("add a generated column", "view with one more column"),
)
"""Changes that have nothing to do with each other are one revision: if one of them were said to break something, it
would be said of all together."""


@pytest.fixture(scope="module")
def repository(server: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Deployed code, and a branch; each test writes its one revision and takes it back."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.address.url(), autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{name}"'.encode())
    yield deployed(tmp_path_factory.mktemp("shop"), server.address.with_database(name).url())
    with psycopg.connect(server.address.url(), autocommit=True) as conn:
        conn.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


def answer(root: Path, *statements: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the result for one revision."""
    service = "mail" if "mail_people ADD" in statements[0] else "shop"
    path = change(root, *statements, service=service)
    try:
        ran = invoke("migrate.compat", "--format", "json", cwd=root)
    finally:
        path.unlink()
    assert ran.code in {0, 6}, ran.err
    return ran.code, ran.json


def breaks(document: dict[str, Any]) -> list[str]:
    """Each as "service does table.column", or "service says file:line"."""
    found = [one for service in document["services"] for one in service["breaks"]]
    return [f"{one['service']} {listed(one['does'])} {place(one)}" for one in found]


def place(one: dict[str, Any]) -> str:
    table = one["table"].removeprefix("public.") or one["where"]
    return f"{table}.{one['column']}" if one["column"] else table


def listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def told(document: dict[str, Any]) -> list[str]:
    """What could not be decided, each as "kind service subject"."""
    found = [one for service in document["services"] for one in service["unsettled"]]
    return [
        f"{one['kind']} {one['service']} {one['subject'].removeprefix('public.')}"
        for one in [*found, *document["result"]["raw_sql"]]
    ]


@pytest.mark.parametrize("name", BREAKING)
def test_what_old_code_does_not_bear(repository: Path, name: str) -> None:
    statements, expected = BREAKING[name]
    code, document = answer(repository, *statements)
    assert sorted(breaks(document)) == sorted(expected)
    assert code == (6 if expected else 0)


@pytest.mark.parametrize("names", TOGETHER, ids=lambda names: names[0])
def test_what_old_code_bears(repository: Path, names: tuple[str, ...]) -> None:
    code, document = answer(repository, *(statement for name in names for statement in HARMLESS[name]))
    assert breaks(document) == []
    assert code == 0
    assert {text for name in names for text in TOLD.get(name, ())} <= {*told(document)}


def test_each_of_these_is_tried() -> None:
    assert sorted(name for names in TOGETHER for name in names) == sorted(HARMLESS)


def test_the_page_has_each_line_with_its_answer() -> None:
    rows = [line.split(" | ") for line in (ROOT / "docs/rolling.md").read_text().splitlines()]
    answers = {"breaks", "bears it"}  # other tables of the page have lines of the same name
    said = {row[0].removeprefix("| "): row[1] for row in rows if len(row) > 2 and row[1] in answers}
    expected = {name: "breaks" if breaking else "bears it" for name, (_, breaking) in BREAKING.items()}
    expected |= dict.fromkeys(HARMLESS, "bears it")
    assert said == expected
