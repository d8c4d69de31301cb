"""descriptive-message."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.judging import found, judge, rev


@pytest.mark.parametrize(
    "message", ["wip", "update schema", "new migration", "fix", "Initial revision", "s1", "add it"]
)
def test_a_message_that_says_nothing(tmp_path: Path, message: str) -> None:
    assert found(judge(tmp_path, rev("pass", message=message)), "descriptive-message")


@pytest.mark.parametrize("message", ["add owner to skills", "create api keys", "Priorität je Skill"])
def test_a_message_that_says_something(tmp_path: Path, message: str) -> None:
    assert not found(judge(tmp_path, rev("pass", message=message)), "descriptive-message")
