"""missing-downgrade."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.judging import found, judge, rev

RULE = "missing-downgrade"
UP = 'op.create_table("shop_items", sa.Column("id"))'


@pytest.mark.parametrize("down", ["pass", '"""nothing"""', "return", "raise NotImplementedError", "..."])
def test_a_downgrade_that_reverts_nothing(tmp_path: Path, down: str) -> None:
    assert found(judge(tmp_path, rev(UP, down)), RULE)


def test_no_downgrade_at_all(tmp_path: Path) -> None:
    judge(tmp_path, rev(UP))
    path = tmp_path / "services" / "shop" / "alembic" / "versions" / "s1.py"
    path.write_text(path.read_text().partition("def downgrade")[0])
    from aegisdb.lint import check
    from tests.lint.judging import context_of

    context = context_of(tmp_path)
    findings = check(context, [("shop", context.good()["shop"].revisions["s1"])]).findings
    assert found(findings, RULE) == ["there is no downgrade()"]


def test_a_reason_is_enough(tmp_path: Path) -> None:
    assert not found(judge(tmp_path, rev(UP, "pass", head='one_way = "the old texts are not kept"')), RULE)


def test_what_does_nothing_needs_no_way_back(tmp_path: Path) -> None:
    assert not found(judge(tmp_path, rev("pass", "pass")), RULE)


def test_an_empty_reason_is_none(tmp_path: Path) -> None:
    assert found(judge(tmp_path, rev(UP, "pass", head='one_way = ""')), RULE)
