"""backfill-alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.judging import found, judge, rev

RULE = "backfill-alone"
FILL = 'aegisdb.backfill("shop_items", set="a = 1", where="a IS NULL")'
ADD = 'op.add_column("shop_items", sa.Column("a", sa.Integer()))'


@pytest.mark.parametrize("body", [f"{ADD}\n{FILL}", f"{FILL}\n{ADD}", f"if True:\n    {FILL}", f"x = {FILL}"])
def test_something_else_is_done(tmp_path: Path, body: str) -> None:
    assert found(judge(tmp_path, rev(body)), RULE)


@pytest.mark.parametrize("body", [FILL, f"{FILL}\n{FILL}", FILL.removeprefix("aegisdb."), f'"""Why."""\n{FILL}'])
def test_nothing_else_is_done(tmp_path: Path, body: str) -> None:
    assert not found(judge(tmp_path, rev(body)), RULE)


def test_an_empty_downgrade_is_no_fault_of_a_backfill(tmp_path: Path) -> None:
    assert not found(judge(tmp_path, rev(FILL, down="pass")), "missing-downgrade")
    assert found(judge(tmp_path, rev(f"{FILL}\n{ADD}", down="pass")), "missing-downgrade")


def test_one_in_a_downgrade_would_leave_it_half_way(tmp_path: Path) -> None:
    assert found(judge(tmp_path, rev(ADD, down=FILL)), RULE)


def test_with_a_reason_it_may_stay(tmp_path: Path) -> None:
    assert not found(judge(tmp_path, rev(f"{ADD}\n{FILL}  # aegisdb: ignore[{RULE}] a table of ten rows")), RULE)
