"""broken-history."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.judging import found, judge
from tests.monorepo import Rev

RULE = "broken-history"


@pytest.mark.parametrize(
    ("revisions", "word"),
    [
        ((Rev(id="s1"), Rev(id="s2", head='revision = "s1"')), "both are revision s1"),
        ((Rev(id="s1", parent="gone"),), "no file has that revision"),
        ((Rev(id="s1", parent="s2"), Rev(id="s2", parent="s1")), "in a circle"),
        ((Rev(id="s1", up="def"),), "does not compile"),
        ((Rev(id="s1", head="revision = 1"),), "is not a revision"),
    ],
)
def test_a_history_that_cannot_be_read(tmp_path: Path, revisions: tuple[Rev, ...], word: str) -> None:
    findings = judge(tmp_path, *revisions)
    assert all(word in message for message in found(findings, RULE))
    places = [finding for finding in findings if finding.rule == RULE]
    assert places
    assert all((tmp_path / finding.path).is_file() and finding.service == "shop" for finding in places)


def test_a_sound_history(tmp_path: Path) -> None:
    assert not found(judge(tmp_path, Rev(id="s1"), Rev(id="s2")), RULE)
