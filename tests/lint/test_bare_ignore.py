"""bare-ignore, and what an ignore hides."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.judging import found, judge, rev

RULE = "bare-ignore"
DROP = 'op.execute("DROP TABLE shop_items")'


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("# aegisdb: ignore", "it names no rule, so it ignores nothing"),
        ("# aegisdb: ignore[unguarded-sq] why not", "there is no rule 'unguarded-sq'"),
        ("# aegisdb: ignore[unguarded-sql]", "it does not say why"),
    ],
)
def test_an_ignore_that_is_not_complete(tmp_path: Path, comment: str, message: str) -> None:
    assert found(judge(tmp_path, rev(f"{DROP}  {comment}")), RULE) == [message]


@pytest.mark.parametrize(
    "up",
    [
        f"{DROP}  # aegisdb: ignore[unguarded-sql] it is always there",
        f"# aegisdb: ignore[secret, unguarded-sql] it is always there\n{DROP}",
        'op.execute(\n    "DROP TABLE shop_items"\n)  # aegisdb: ignore[unguarded-sql]: it is always there',
    ],
)
def test_an_ignore_hides_what_is_on_its_line(tmp_path: Path, up: str) -> None:
    findings = judge(tmp_path, rev(up))
    assert not found(findings, "unguarded-sql")
    assert not found(findings, RULE)


def test_an_ignore_hides_no_other_line(tmp_path: Path) -> None:
    up = f"{DROP}  # aegisdb: ignore[unguarded-sql] it is always there\npass\n{DROP}"
    assert len(found(judge(tmp_path, rev(up)), "unguarded-sql")) == 1


def test_the_head_speaks_for_the_file(tmp_path: Path) -> None:
    head = "# aegisdb: ignore[unguarded-sql] it is always there"
    assert not found(judge(tmp_path, rev(f"{DROP}\n{DROP}", head=head)), "unguarded-sql")


def test_a_comment_below_the_head_does_not(tmp_path: Path) -> None:
    up = f"# aegisdb: ignore[unguarded-sql] only here\npass\npass\n{DROP}"
    assert found(judge(tmp_path, rev(up)), "unguarded-sql")


def test_text_is_no_comment(tmp_path: Path) -> None:
    up = f'op.execute("SELECT 1 # aegisdb: ignore[unguarded-sql] x"); {DROP}'
    assert found(judge(tmp_path, rev(up)), "unguarded-sql")
