"""process-exit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.judging import found, judge, rev

RULE = "process-exit"


@pytest.mark.parametrize("up", ["sys.exit(0)", "exit()", "os._exit(0)", "raise SystemExit", "raise SystemExit(0)"])
def test_a_revision_that_ends_the_process(tmp_path: Path, up: str) -> None:
    assert found(judge(tmp_path, rev(up)), RULE)


@pytest.mark.parametrize("up", ['raise RuntimeError("no rows")', "shop.exit()", 'op.execute("SELECT exit()")'])
def test_a_revision_that_does_not(tmp_path: Path, up: str) -> None:
    assert not found(judge(tmp_path, rev(up)), RULE)
