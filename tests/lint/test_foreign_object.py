"""foreign-object."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.judging import found, judge, rev
from tests.monorepo import Rev

RULE = "foreign-object"


@pytest.mark.parametrize(
    "up",
    [
        'op.add_column("crm_customers", sa.Column("a"))',
        'op.create_index("i", "crm_customers", ["a"])',
        'op.drop_constraint("c", table_name="crm_customers")',
        'op.execute("ALTER TABLE IF EXISTS ONLY public.crm_customers ADD COLUMN a int")',
        'op.execute(sa.text("DELETE FROM crm_customers"))',
        'op.execute("WITH x AS (SELECT 1) UPDATE crm_customers SET a = 1")',
        'op.get_bind().execute(sa.text("INSERT INTO crm_customers VALUES (1)"))',
        'op.execute("CREATE TRIGGER t AFTER UPDATE OF a ON crm_customers EXECUTE FUNCTION f()")',
        "op.execute(\"COMMENT ON COLUMN crm_customers.name IS 'x'\")",
        'op.execute("TRUNCATE TABLE shop_items, crm_customers")',
        'op.execute("DROP TABLE IF EXISTS shop_items, crm_customers")',
        "op.execute(\"ALTER TYPE mood ADD VALUE IF NOT EXISTS 'sad'\")",
        'op.execute("DROP FUNCTION IF EXISTS touch_customer(integer)")',
        'for name in ("items", "customers"):\n    op.execute(f"UPDATE crm_{name} SET a = 1")',
        'TABLE = "crm_customers"\nop.execute(f"UPDATE {TABLE} SET a = 1")',
        'with op.batch_alter_table("crm_customers") as batch:\n    batch.add_column(sa.Column("a"))',
        'op.execute("GRANT SELECT ON crm_customers TO reader")',
    ],
)
def test_an_object_of_another_service(tmp_path: Path, up: str) -> None:
    findings = judge(tmp_path, rev(up))
    messages = found(findings, RULE)
    assert messages
    assert all("which crm owns" in message for message in messages)
    assert {f.fix for f in findings if f.rule == RULE} == {"move it into a revision of crm"}


def test_a_table_of_nobody(tmp_path: Path) -> None:
    (message,) = found(judge(tmp_path, rev('op.create_table("lost", sa.Column("id"))')), RULE)
    assert message == "it creates lost, which shop does not own"


PARTED = rev(
    'op.execute("CREATE TABLE IF NOT EXISTS shop_items (id int, at int) PARTITION BY RANGE (at)")\n'
    'op.execute("CREATE TABLE first PARTITION OF shop_items FOR VALUES FROM (0) TO (9) PARTITION BY LIST (id)")\n'
    "for number in (1, 2):\n"
    '    op.execute(f"CREATE TABLE part_{number} PARTITION OF public.first FOR VALUES IN ({number})")'
)


def test_a_partition_is_its_parents(tmp_path: Path) -> None:
    later = Rev(
        id="s2",
        message="attach another part",
        up=(
            'op.execute("CREATE TABLE part_3 (LIKE shop_items)")\n'
            'op.execute("ALTER TABLE first ATTACH PARTITION part_3 FOR VALUES IN (3)")\n'
            'op.execute("DROP TABLE IF EXISTS part_1")'
        ),
        down='op.execute("DROP TABLE IF EXISTS part_3")',
    )
    assert not found(judge(tmp_path, PARTED, later), RULE)


def test_a_partition_of_anothers_table(tmp_path: Path) -> None:
    theirs = 'op.execute("CREATE TABLE part_1 PARTITION OF crm_customers FOR VALUES IN (1)")'
    assert found(judge(tmp_path, rev(theirs)), RULE) == ["it creates part_1, which crm owns"]


def test_a_version_table(tmp_path: Path) -> None:
    (message,) = found(judge(tmp_path, rev('op.execute("DELETE FROM alembic_version_crm")')), RULE)
    assert "version table" in message


def test_a_function_of_the_file_is_followed_into(tmp_path: Path) -> None:
    head = 'def change(table):\n    op.execute(f"UPDATE {table} SET a = 1")'
    assert found(judge(tmp_path, rev('change("crm_customers")', head=head)), RULE)
    assert not found(judge(tmp_path, rev('change("shop_items")', head=head)), RULE)


@pytest.mark.parametrize(
    "up",
    [
        'op.create_foreign_key("fk", "shop_items", "crm_customers", ["a"], ["id"])',
        'op.execute("INSERT INTO shop_items SELECT id FROM crm_customers FOR UPDATE")',
        'op.execute("INSERT INTO shop_items VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 1")',
        'op.execute("CREATE TEMP TABLE crm_copy AS SELECT 1")',
        "op.execute(\"SELECT 'UPDATE crm_customers SET a = 1' -- UPDATE crm_customers SET a = 1\")",
        'op.execute("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ DELETE FROM crm_customers $$")',
        'op.execute("CREATE TYPE shop_mood AS ENUM ()")',
        'op.execute(f"UPDATE {sa.inspect(op.get_bind())} SET a = 1")',
        'op.execute("DROP INDEX IF EXISTS anything")',
    ],
)
def test_own_objects_reading_and_what_only_running_would_tell(tmp_path: Path, up: str) -> None:
    assert not found(judge(tmp_path, rev(up)), RULE)


def test_names_without_a_schema_are_in_the_services_own(tmp_path: Path) -> None:
    assert not found(judge(tmp_path, rev('op.create_table("anything", sa.Column("id"))'), schema="shop"), RULE)
