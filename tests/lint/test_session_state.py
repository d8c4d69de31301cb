"""session-state."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.judging import found, judge, rev

RULE = "session-state"


@pytest.mark.parametrize(
    "sql",
    [
        "SET search_path = side, public",
        "SET SESSION search_path TO side",
        "SET ROLE other",
        "SET SESSION AUTHORIZATION other",
        "SET session_replication_role = replica",
        "SET TIME ZONE 'UTC'",
        "SELECT 1; SET lock_timeout = '1s'",
        "CREATE TEMPORARY TABLE todo AS SELECT 1",
        "CREATE TEMP TABLE IF NOT EXISTS todo (id int)",
        "PREPARE this AS SELECT 1",
        "LISTEN here",
    ],
)
def test_what_outlives_the_transaction(tmp_path: Path, sql: str) -> None:
    assert found(judge(tmp_path, rev(f"op.execute({sql!r})")), RULE)


@pytest.mark.parametrize(
    "sql",
    [
        "SET LOCAL search_path = side",
        "SET CONSTRAINTS ALL DEFERRED",
        "SET lock_timeout = '1s'; SELECT 1; RESET lock_timeout",
        "SET search_path = side; RESET ALL",
        "SET search_path = side; SET search_path TO DEFAULT",
        "CREATE TEMPORARY TABLE todo (id int) ON COMMIT DROP",
        "CREATE TEMPORARY TABLE todo (id int); DROP TABLE todo",
        "PREPARE this AS SELECT 1; DEALLOCATE this",
        "LOAD 'age'",
        "SELECT 'SET role'",
        "UPDATE shop_items SET a = 1",
    ],
)
def test_what_does_not(tmp_path: Path, sql: str) -> None:
    assert not found(judge(tmp_path, rev(f"op.execute({sql!r})")), RULE)
