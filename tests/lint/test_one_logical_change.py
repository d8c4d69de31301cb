"""one-logical-change."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.judging import found, judge, rev

RULE = "one-logical-change"


def test_two_tables_that_have_nothing_to_do_with_each_other(tmp_path: Path) -> None:
    up = 'op.create_table("shop_items", sa.Column("id"))\nop.add_column("shop_users", sa.Column("name"))'
    (message,) = found(judge(tmp_path, rev(up)), RULE)
    assert message.endswith("shop_items; shop_users")


@pytest.mark.parametrize(
    "up",
    [
        'op.create_table("shop_items", sa.Column("a", sa.ForeignKey("shop_users.id")))\nop.create_table("shop_users")',
        'op.execute("UPDATE shop_items SET a = 1")\nop.add_column("shop_items", sa.Column("b"))',
        'op.execute("UPDATE shop_items SET a = u.a FROM shop_users u")\nop.execute("ALTER TABLE shop_users ADD b int")',
        'for table in ("shop_items", "shop_users"):\n    op.add_column(table, sa.Column("seen"))',
        'op.add_column("shop_items", sa.Column("seen"))\nop.add_column("shop_users", sa.Column("seen"))',
        'op.execute("SELECT 1")',
    ],
)
def test_tables_that_hang_together(tmp_path: Path, up: str) -> None:
    assert not found(judge(tmp_path, rev(up)), RULE)


def test_three_tables_in_a_chain_are_one_change(tmp_path: Path) -> None:
    up = """
    op.create_table("shop_a", sa.Column("id"))
    op.create_table("shop_c", sa.Column("b", sa.ForeignKey("shop_b.id")))
    op.create_table("shop_b", sa.Column("a", sa.ForeignKey("shop_a.id")))
    """
    assert not found(judge(tmp_path, rev(up)), RULE)
