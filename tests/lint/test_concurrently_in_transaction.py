"""concurrently-in-transaction."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.judging import found, judge, rev

RULE = "concurrently-in-transaction"
BUILDS = [
    'op.execute("CREATE INDEX CONCURRENTLY i ON shop_items (a)")',
    'op.execute("REINDEX TABLE CONCURRENTLY shop_items")',
    'op.create_index("i", "shop_items", ["a"], postgresql_concurrently=True)',
    'op.drop_index("i", "shop_items", postgresql_concurrently=True)',
    'op.execute("VACUUM shop_items")',
]


@pytest.mark.parametrize("build", BUILDS)
def test_it_fails_inside_a_transaction(tmp_path: Path, build: str) -> None:
    assert found(judge(tmp_path, rev(build)), RULE)


@pytest.mark.parametrize("build", BUILDS)
def test_it_works_in_an_autocommit_block(tmp_path: Path, build: str) -> None:
    up = f"with op.get_context().autocommit_block():\n    if True:\n        {build}"
    assert not found(judge(tmp_path, rev(up)), RULE)


def test_a_function_that_is_called_inside_the_block(tmp_path: Path) -> None:
    head = f"def build():\n    {BUILDS[0]}"
    inside = "with op.get_context().autocommit_block():\n    build()"
    assert not found(judge(tmp_path, rev(inside, head=head)), RULE)
    assert found(judge(tmp_path, rev("build()", head=head)), RULE)


@pytest.mark.parametrize(
    "sql", ["REFRESH MATERIALIZED VIEW CONCURRENTLY v", "SELECT 'VACUUM'", "CREATE INDEX i ON t (a)"]
)
def test_what_runs_in_a_transaction(tmp_path: Path, sql: str) -> None:
    assert not found(judge(tmp_path, rev(f"op.execute({sql!r})")), RULE)
