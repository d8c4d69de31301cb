"""What was judged before is not judged again, unless something that counts has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aegisdb.lint import Finding, check, linter
from tests.lint.judging import context_of, judge, rev

DROP = 'op.execute("DROP TABLE shop_items")'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A revision with one finding, judged once; its timestamp is old enough to be trusted."""
    judge(tmp_path, rev(DROP))
    path = tmp_path / "services" / "shop" / "alembic" / "versions" / "s1.py"
    age(path)
    again(tmp_path)
    return path


def age(path: Path) -> None:
    """Make the file an old one."""
    os.utime(path, (1_700_000_000, 1_700_000_000))


def again(root: Path) -> list[Finding]:
    context = context_of(root)
    return list(check(context, [("shop", context.good()["shop"].revisions["s1"])]).findings)


def test_the_same_file_is_not_read_again(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = again(tmp_path)
    assert [finding.rule for finding in before] == ["unguarded-sql"]
    assert file.is_file()
    monkeypatch.setattr(linter, "_of_file", None)
    assert again(tmp_path) == before


def test_another_text(tmp_path: Path, file: Path) -> None:
    file.write_text(file.read_text().replace("TABLE shop", "TABLE IF EXISTS shop"))
    age(file)
    assert again(tmp_path) == []


def test_another_owner(tmp_path: Path, file: Path) -> None:
    assert file.is_file()
    registry = tmp_path / "services.yaml"
    registry.write_text(registry.read_text().replace("shop_*", "shops_*"))
    assert {finding.rule for finding in again(tmp_path)} == {"unguarded-sql", "foreign-object"}


def test_an_ignore_still_counts(tmp_path: Path, file: Path) -> None:
    text = file.read_text()
    file.write_text(text.replace(DROP, f"{DROP}  # aegisdb: ignore[unguarded-sql] it is always there"))
    age(file)
    assert again(tmp_path) == again(tmp_path) == []


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"key": 1}'])
def test_a_damaged_cache_is_no_cache(tmp_path: Path, file: Path, damage: str) -> None:
    assert file.is_file()
    (tmp_path / ".aegisdb" / "cache" / "lint.json").write_text(damage)
    assert len(again(tmp_path)) == 1
