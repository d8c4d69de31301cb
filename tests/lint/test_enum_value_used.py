"""enum-value-used."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.judging import found, judge, rev

RULE = "enum-value-used"
ADD = "op.execute(\"ALTER TYPE shop_mood ADD VALUE IF NOT EXISTS 'sad'\")"
USES = [
    "op.execute(\"UPDATE shop_items SET mood = 'sad'\")",
    'op.alter_column("shop_items", "mood", server_default="sad")',
    'op.create_check_constraint("c", "shop_items", "mood <> \'sad\'")',
]


@pytest.mark.parametrize("use", USES)
def test_it_is_used_before_its_transaction_ends(tmp_path: Path, use: str) -> None:
    assert found(judge(tmp_path, rev(f"{ADD}\n{use}")), RULE)


@pytest.mark.parametrize("use", USES)
def test_it_is_added_in_an_autocommit_block(tmp_path: Path, use: str) -> None:
    assert not found(judge(tmp_path, rev(f"with op.get_context().autocommit_block():\n    {ADD}\n{use}")), RULE)


def test_a_type_of_this_revision_may_be_used(tmp_path: Path) -> None:
    made = "op.execute(\"CREATE TYPE shop_mood AS ENUM ('glad')\")"
    assert not found(judge(tmp_path, rev(f"{made}\n{ADD}\n{USES[0]}")), RULE)


def test_another_value_may_be_used(tmp_path: Path) -> None:
    assert not found(judge(tmp_path, rev(f"{ADD}\n{USES[0].replace('sad', 'glad')}")), RULE)
