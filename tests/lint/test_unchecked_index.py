"""unchecked-index."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.judging import found, judge, rev

RULE = "unchecked-index"
SQL = 'op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON shop_items (a)")'
CALL = 'op.create_index("i", "shop_items", ["a"], postgresql_concurrently=True, if_not_exists=True)'
CHECK = (
    'op.execute("DO $$ BEGIN IF EXISTS (SELECT FROM pg_index WHERE NOT indisvalid) THEN DROP INDEX i; END IF; END $$")'
)
BLOCK = "with op.get_context().autocommit_block():\n    "


@pytest.mark.parametrize("build", [SQL, CALL])
def test_an_invalid_index_would_be_accepted(tmp_path: Path, build: str) -> None:
    assert found(judge(tmp_path, rev(BLOCK + build)), RULE)


@pytest.mark.parametrize("build", [SQL, CALL])
@pytest.mark.parametrize("before", [CHECK, 'op.execute("DROP INDEX CONCURRENTLY IF EXISTS i")'])
def test_something_looks_before(tmp_path: Path, build: str, before: str) -> None:
    assert not found(judge(tmp_path, rev(f"{BLOCK}{before}\n    {build}")), RULE)


def test_looking_afterwards_is_too_late(tmp_path: Path) -> None:
    assert found(judge(tmp_path, rev(f"{BLOCK}{SQL}\n    {CHECK}")), RULE)


def test_without_if_not_exists_it_fails_by_itself(tmp_path: Path) -> None:
    assert not found(judge(tmp_path, rev(BLOCK + SQL.replace("IF NOT EXISTS ", ""))), RULE)
