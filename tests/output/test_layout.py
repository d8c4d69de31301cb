"""Blocks become lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisdb.output.blocks import Fields, Styled, Table, Text, duration, table
from aegisdb.output.layout import display_width, layout


def lines(*blocks: Text | Fields | Table, width: int | None = None) -> list[str]:
    return list(layout(blocks, width=width, colour=False))


def test_columns_line_up_and_numbers_stand_right() -> None:
    shown = lines(table(["name", "rows#"], [["a", "1"], ["long name", "1000"]]))
    assert shown == ["name       rows", "a             1", "long name  1000"]


def test_wide_characters_line_up_by_what_they_take_on_the_screen() -> None:
    shown = lines(table(["n", "x"], [["知识", "1"], ["ab", "2"]]))
    assert [display_width(line) for line in shown] == [7, 7, 7]


def test_a_table_too_wide_wraps_its_widest_column() -> None:
    shown = lines(table(["a", "b"], [["short", "many words that do not fit"]]), width=25)
    assert shown == ["a      b", "short  many words that do", "       not fit"]


def test_names_are_broken_where_they_have_a_joint() -> None:
    rows = [["orchestration-engine", "module orchestration.seed_skills", "current"]]
    shown = lines(table(["service", "seed", "state"], rows), width=40)
    assert [line.split() for line in shown[1:]] == [
        ["orchestration-", "module", "current"],
        ["engine", "orchestration."],
        ["seed_skills"],
    ]
    wider = lines(table(["service", "seed", "state"], rows), width=56)
    assert wider[1:] == [
        "orchestration-engine  module                     current",
        " " * 22 + "orchestration.seed_skills",
    ]


def test_a_wrapped_text_stands_below_itself() -> None:
    assert lines(Text("  one two three"), width=10) == ["  one two", "  three"]


def test_a_table_far_too_wide_becomes_records() -> None:
    columns = ["service", "revision", "message"]
    shown = lines(table(columns, [["identity-service", "0123456789ab", "add a column"]] * 2), width=24)
    record = ["service   identity-", "          service", "revision  0123456789ab", "message   add a column"]
    assert shown == [*record, "", *record]


def test_a_name_cannot_move_the_cursor() -> None:
    assert lines(Fields((("name", "a\x1b[2Jb\rc"),))) == ["name  a\\x1b[2Jb\\x0dc"]


def test_colour_does_not_change_the_columns() -> None:
    block = table(["state", "x"], [[Styled("ok", "ok"), "1"], [Styled("behind", "bad"), "2"]])
    plain = lines(block)
    coloured = list(layout([block], width=None, colour=True))
    assert "\x1b[32mok\x1b[0m" in coloured[1]
    assert coloured[1].replace("\x1b[32m", "").replace("\x1b[0m", "") == plain[1]


def test_verbatim_text_is_never_wrapped() -> None:
    assert lines(Text("SELECT " + "x" * 50, verbatim=True), width=20) == ["SELECT " + "x" * 50]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.0, "0 ms"), (0.9994, "999 ms"), (0.9996, "1.0 s"), (59.9, "59.9 s"), (59.96, "1 min 0 s")]
)
def test_durations_read_well(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@given(
    st.lists(st.lists(st.text(max_size=30), min_size=3, max_size=3), max_size=4),
    st.integers(min_value=20, max_value=100),
)
def test_no_table_is_wider_than_asked_nor_loses_a_character(rows: list[list[str]], width: int) -> None:
    shown = lines(table(["a", "b", "c"], rows), width=width)
    assert all(display_width(line) <= width for line in shown)
    letters = {char for row in rows for cell in row for char in cell if char.isalnum()}
    assert letters <= set("".join(shown))
