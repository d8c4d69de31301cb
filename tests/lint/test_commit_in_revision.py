"""commit-in-revision."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.judging import found, judge, rev

RULE = "commit-in-revision"


@pytest.mark.parametrize(
    "up",
    [
        "op.get_bind().commit()",
        'op.execute("COMMIT")',
        'op.execute("UPDATE shop_items SET a = 1; commit; BEGIN")',
        'op.execute("ROLLBACK")',
        'op.execute("START TRANSACTION")',
        "connection = op.get_bind()\nconnection.rollback()",
    ],
)
def test_a_transaction_that_ends_in_the_middle(tmp_path: Path, up: str) -> None:
    assert found(judge(tmp_path, rev(up)), RULE)


@pytest.mark.parametrize(
    "up",
    [
        'op.execute("SAVEPOINT a; ROLLBACK TO a; RELEASE a")',
        'op.execute("DO $$ BEGIN PERFORM 1; END $$")',
        "op.execute(\"COMMENT ON TABLE shop_items IS 'COMMIT; ROLLBACK'\")",
        'op.execute("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END")',
        "session.flush()",
    ],
)
def test_what_leaves_the_transaction_alone(tmp_path: Path, up: str) -> None:
    assert not found(judge(tmp_path, rev(up)), RULE)
