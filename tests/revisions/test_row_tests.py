"""Tests of revisions as data: what may stand in one, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.errors import HistoryError
from aegisdb.revisions.parse import scan_source
from aegisdb.revisions.row_tests import RowTest, read_row_test, skeleton


def read(tmp_path: Path, text: str) -> RowTest:
    path = tmp_path / "a_test.py"
    path.write_text(text)
    return read_row_test(path)


def test_rows_by_table_in_their_order(tmp_path: Path) -> None:
    text = '"""Why."""\nBEFORE = {"b": [{"x": 1}], "a": [{"y": (1, None), "z": b"\\x01"}]}\nAFTER = {"b": []}\n'
    found = read(tmp_path, text)
    assert list(found.before) == ["b", "a"]
    assert found.before["a"] == ({"y": [1, None], "z": "\\x01"},)
    assert (found.after, found.reverted) == ({"b": ()}, found.before)
    assert read(tmp_path, "AFTER = {}\nREVERTED = {'t': [{}]}").reverted == {"t": ({},)}


def test_a_skeleton_can_be_read_and_names_nothing(tmp_path: Path) -> None:
    text = """'a \\"\\"\\" \\\\'\nrevision = 'ab'\ndown_revision = None\n"""
    assert read(tmp_path, skeleton(scan_source(text, tmp_path / "ab.py"))).empty


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("BEFORE = {", 1, "cannot be read"),
        ("import os\nBEFORE = {}", 1, "is none of BEFORE, AFTER, REVERTED"),
        ("BEFORE = {}\nAFTR = {}", 2, "is none of"),
        ("BEFORE = AFTER = {}", 1, "is none of"),
        ("\nBEFORE = {'t': [rows()]}", 2, "BEFORE is not made of literal rows by table"),
        ("BEFORE = {'t': {'a': 1}}", 1, "not made of literal rows"),
        ("BEFORE = {'t': [{1: 1}]}", 1, "not made of literal rows"),
        ("BEFORE = {'t': [{'a': 1j}]}", 1, "not made of literal rows"),
        ("BEFORE = [1]", 1, "not made of literal rows"),
    ],
)
def test_what_is_no_literal_row_is_told_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(HistoryError, match=said) as caught:
        read(tmp_path, text)
    assert caught.value.problems[0].where.endswith(f"a_test.py:{line}")
