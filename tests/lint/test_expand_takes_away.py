"""expand-takes-away."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.judging import found, judge, rev

RULE = "expand-takes-away"
EXPAND = 'phase = "expand"'
TABLE = "shop_items"


def sql(text: str) -> str:
    return f"op.execute({text!r})"


def column(words: str, kind: str = "sa.Integer") -> str:
    return f'op.add_column("{TABLE}", sa.Column("c", {kind}{words}))'


def altered(words: str) -> str:
    return f'op.alter_column("{TABLE}", "c", {words})'


TAKES = {
    "drops column": ('op.drop_column("shop_items", "c")', "it drops column shop_items.c"),
    "drops table": ('op.drop_table("shop_items")', "it drops table shop_items"),
    "drops column in SQL": (sql("ALTER TABLE shop_items DROP COLUMN c"), "it drops column shop_items.c"),
    "drops view in SQL": (sql("DROP VIEW shop_cheap"), "it drops view shop_cheap"),
    "drops another column": (column("") + '\nop.drop_column("shop_items", "d")', "it drops column shop_items.d"),
    "renames table": ('op.rename_table("shop_items", "b")', "it renames table shop_items"),
    "renames column": (altered('new_column_name="d"'), "it renames column shop_items.c"),
    "renames table in SQL": (sql("ALTER TABLE shop_items RENAME TO b"), "it renames table shop_items"),
    "renames column in SQL": (sql("ALTER TABLE ONLY shop_items RENAME COLUMN c TO d"), "renames c of table shop_items"),
    "renames it without COLUMN": (sql("ALTER TABLE shop_items RENAME c TO d"), "it renames c of table shop_items"),
    "renames enum value": (sql("ALTER TYPE shop_state RENAME VALUE 'a' TO 'b'"), "of type shop_state"),
    "moves": (sql("ALTER TABLE shop_items SET SCHEMA other"), "it moves table shop_items to another schema"),
    "sets NOT NULL": (altered("nullable=False"), "it sets shop_items.c NOT NULL"),
    "sets NOT NULL in SQL": (
        sql("ALTER TABLE shop_items ADD d int, ALTER COLUMN c SET NOT NULL"), "it sets c of table shop_items NOT NULL"
    ),
    "required column": (column(", nullable=False"), "it adds shop_items.c NOT NULL without a default"),
    "required column in SQL": (sql("ALTER TABLE shop_items ADD c int NOT NULL"), "adds c to table shop_items NOT NULL"),
    "drops default": (altered("server_default=None"), "it drops the default of shop_items.c"),
    "drops default in SQL": (sql("ALTER TABLE shop_items ALTER c DROP DEFAULT"), "it drops the default of c"),
    "narrower": (altered("existing_type=sa.BigInteger, type_=sa.Integer"), "it changes the type of shop_items.c"),
    "shorter": (altered("existing_type=sa.String(80), type_=sa.String(8)"), "it changes the type of shop_items.c"),
    "of another kind": (altered("existing_type=sa.Integer, type_=sa.Text"), "it changes the type of shop_items.c"),
    "narrower in SQL": (sql("ALTER TABLE shop_items ALTER c TYPE varchar(8)"), "it changes the type of c"),
    "converted in SQL": (sql("ALTER TABLE shop_items ALTER c SET DATA TYPE text USING c::text"), "the type of c"),
}  # fmt: skip
LEAVES = {
    "nullable column": column(""),
    "column with default": column(', nullable=False, server_default="0"'),
    "identity": column(", sa.Identity(), nullable=False"),
    "column with default in SQL": sql("ALTER TABLE shop_items ADD c int NOT NULL DEFAULT 0"),
    "nullable column with a check": sql("ALTER TABLE shop_items ADD c int CHECK (c IS NOT NULL)"),
    "constraint": sql("ALTER TABLE shop_items ADD CONSTRAINT c_set CHECK (c IS NOT NULL) NOT VALID"),
    "validated": sql("ALTER TABLE shop_items VALIDATE CONSTRAINT c_set"),
    "drops constraint": sql("ALTER TABLE shop_items DROP CONSTRAINT c_set"),
    "drops index": 'op.drop_index("shop_items_c", table_name="shop_items")',
    "renames constraint": sql("ALTER TABLE shop_items RENAME CONSTRAINT a TO b"),
    "renames index": sql("ALTER INDEX a RENAME TO b"),
    "drops NOT NULL": altered("nullable=True"),
    "sets default": altered('server_default="1"'),
    "wider": altered("existing_type=sa.Integer(), type_=sa.BigInteger()"),
    "longer": altered("existing_type=sa.String(length=8), type_=sa.String(length=80)"),
    "wider in SQL": sql("ALTER TABLE shop_items ALTER COLUMN c TYPE text"),
    "made again": sql("DROP VIEW IF EXISTS shop_cheap") + "\n" + sql("CREATE VIEW shop_cheap AS SELECT 1 AS a"),
    "trigger made again": sql("DROP TRIGGER IF EXISTS a ON shop_items"),
    "its own table": sql("CREATE TABLE shop_new (c int)") + "\n" + sql("ALTER TABLE shop_new ALTER c SET NOT NULL"),
}


@pytest.mark.parametrize(("up", "says"), TAKES.values(), ids=TAKES)
def test_it_takes_something_away(tmp_path: Path, up: str, says: str) -> None:
    (message,) = found(judge(tmp_path, rev(up, head=EXPAND)), RULE)
    assert says in message
    assert "is called expand" in message


@pytest.mark.parametrize("up", LEAVES.values(), ids=LEAVES)
def test_it_takes_nothing_away(tmp_path: Path, up: str) -> None:
    assert found(judge(tmp_path, rev(up, head=EXPAND)), RULE) == []


@pytest.mark.parametrize("head", ["", 'phase = "contract"'])
def test_only_what_is_called_expand_is_judged(tmp_path: Path, head: str) -> None:
    assert found(judge(tmp_path, rev(TAKES["drops column"][0], head=head)), RULE) == []


def test_with_a_reason_it_may_stay(tmp_path: Path) -> None:
    up = f"{TAKES['drops column'][0]}  # aegisdb: ignore[{RULE}] nobody reads it since release 12"
    assert found(judge(tmp_path, rev(up, head=EXPAND)), RULE) == []
