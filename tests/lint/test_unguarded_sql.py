"""unguarded-sql."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.judging import found, judge, rev

RULE = "unguarded-sql"


@pytest.mark.parametrize(
    ("sql", "guard"),
    [
        ("CREATE TABLE shop_items (id int)", "IF NOT EXISTS"),
        ("CREATE UNIQUE INDEX i ON shop_items (id)", "IF NOT EXISTS"),
        ("CREATE MATERIALIZED VIEW shop_v AS SELECT 1", "IF NOT EXISTS"),
        ("CREATE EXTENSION hstore", "IF NOT EXISTS"),
        ("CREATE FUNCTION shop_f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$", "OR REPLACE"),
        ("CREATE VIEW shop_v AS SELECT 1", "OR REPLACE"),
        ("ALTER TABLE shop_items ADD COLUMN a int", "IF NOT EXISTS"),
        ("ALTER TABLE shop_items ADD a int, DROP COLUMN IF EXISTS b", "IF NOT EXISTS"),
        ("ALTER TABLE shop_items ALTER a TYPE numeric(1, 2), DROP CONSTRAINT c", "IF EXISTS"),
        ("ALTER TYPE shop_mood ADD VALUE 'sad'", "IF NOT EXISTS"),
        ("DROP TABLE shop_items", "IF EXISTS"),
        ("DROP INDEX CONCURRENTLY i", "IF EXISTS"),
        ("drop /* now */ trigger t on shop_items", "IF EXISTS"),
    ],
)
def test_a_guard_that_is_missing(tmp_path: Path, sql: str, guard: str) -> None:
    (message,) = found(judge(tmp_path, rev(f"op.execute({sql!r})")), RULE)
    assert message.endswith(f"without {guard}")


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE IF NOT EXISTS shop_items (id int)",
        "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS $$ DROP TABLE x $$",
        "CREATE TYPE shop_mood AS ENUM ('DROP TABLE x')",
        "ALTER TABLE shop_items ADD CONSTRAINT c CHECK (a > 0)",
        "ALTER TABLE shop_items ADD PRIMARY KEY (id)",
        "ALTER TABLE shop_items ALTER COLUMN a DROP NOT NULL",
        "ALTER TABLE shop_items ADD COLUMN IF NOT EXISTS a int DEFAULT coalesce(1, 2)",
        "DO $$ BEGIN DROP TABLE x; END $$",
        "CREATE TEMPORARY TABLE t (id int)",
        "SELECT 'CREATE TABLE x'",
    ],
)
def test_what_has_its_guard_or_can_have_none(tmp_path: Path, sql: str) -> None:
    assert not found(judge(tmp_path, rev(f"op.execute({sql!r})")), RULE)


def test_the_line_of_the_statement_is_named(tmp_path: Path) -> None:
    up = 'op.execute(\n    """\n    SELECT 1;\n    DROP TABLE shop_items\n    """\n)'
    (finding,) = [f for f in judge(tmp_path, rev(up)) if f.rule == RULE]
    text = (tmp_path / finding.path).read_text().splitlines()[finding.line - 1]
    assert text.strip() == "DROP TABLE shop_items"


def test_downgrade_counts_too(tmp_path: Path) -> None:
    assert found(judge(tmp_path, rev("pass", 'op.execute("DROP TABLE shop_items")')), RULE)
