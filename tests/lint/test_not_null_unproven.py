"""not-null-unproven."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.judging import found, judge, rev

RULE = "not-null-unproven"


@pytest.mark.parametrize(
    "actions",
    ["ALTER a SET NOT NULL, DROP CONSTRAINT has_a", "DROP CONSTRAINT IF EXISTS has_a, ALTER COLUMN a SET NOT NULL"],
)
def test_in_one_statement_the_proof_goes_first(tmp_path: Path, actions: str) -> None:
    assert found(judge(tmp_path, rev(f'op.execute("ALTER TABLE shop_items {actions}")')), RULE)


def test_two_statements_are_right(tmp_path: Path) -> None:
    two = (
        'op.execute("ALTER TABLE shop_items ALTER a SET NOT NULL")\n'
        'op.execute("ALTER TABLE shop_items DROP CONSTRAINT has_a")'
    )
    assert not found(judge(tmp_path, rev(two)), RULE)
    assert not found(judge(tmp_path, rev('op.execute("ALTER TABLE shop_items ALTER a DROP NOT NULL, DROP b")')), RULE)


def test_it_can_be_ignored_with_a_reason(tmp_path: Path) -> None:
    up = 'op.execute("ALTER TABLE t ALTER a SET NOT NULL, DROP CONSTRAINT c")  # aegisdb: ignore[not-null-unproven] x'
    assert not found(judge(tmp_path, rev(up)), RULE)
