"""several-heads."""

from __future__ import annotations

from pathlib import Path

from tests.lint.judging import found, judge
from tests.monorepo import Rev

RULE = "several-heads"
FIRST = Rev(id="s1")


def test_two_heads(tmp_path: Path) -> None:
    findings = judge(tmp_path, FIRST, Rev(id="s2", parent="s1"), Rev(id="s3", parent="s1"))
    (message,) = found(findings, RULE)
    assert "s2" in message
    assert "s3" in message
    assert [f.fix for f in findings if f.rule == RULE] == ["invoke migrate.rebase --service shop"]


def test_labelled_branches(tmp_path: Path) -> None:
    left = Rev(id="s2", parent="s1", head='branch_labels = ("left",)')
    right = Rev(id="s3", parent="s1", head='branch_labels = ("right",)')
    assert not found(judge(tmp_path, FIRST, left, right), RULE)
