"""What differs between two fingerprints, without a database."""

from __future__ import annotations

import pytest

from aegisdb.fingerprint import Fingerprint, diff


def lines(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [str(change) for change in diff(Fingerprint(before), Fingerprint(after))]


def test_added_removed_and_changed_are_told_in_order() -> None:
    before = {"table public.a": "owner x", "column public.a.b": "integer; default 0"}
    after = {"column public.a.b": "bigint; default 0", "view public.v": "as SELECT 1"}
    assert lines(before, after) == [
        "changed column public.a.b: integer -> bigint",
        "removed table public.a: owner x",
        "added view public.v: as SELECT 1",
    ]


def test_of_a_long_text_the_place_that_differs_is_shown() -> None:
    body = "x" * 1000
    (line,) = lines({"function f()": body + "1" + body}, {"function f()": body + "2" + body})
    assert "x1x" in line
    assert "x2x" in line
    assert len(line) < 700


def test_columns_that_came_or_went_are_no_change_of_order() -> None:
    assert lines({"column order t": "a, b, c"}, {"column order t": "a, x, c"}) == []


def test_columns_on_both_sides_in_another_order_are_reordered() -> None:
    (change,) = diff(Fingerprint({"column order t": "a, b, c"}), Fingerprint({"column order t": "a, c, b"}))
    assert change.kind == "reordered"


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("integer; not null", "integer; not null named t_b_not_null", "renamed"),
        ("integer; not null named t_a_not_null; default 0", "integer; not null; default 0", "renamed"),
        ("integer; not null named t_a_not_null1", "integer; not null named t_b_not_null", "renamed"),
        ('integer; not null named "T_a b_not_null"', "integer; not null", "renamed"),
        ("integer; not null named must_be", "integer; not null", "changed"),
        ("integer; not null named must_be", "integer; not null named t_a_not_null", "changed"),
        ("integer; not null", "integer", "changed"),
        ("integer; not null", "bigint; not null named t_a_not_null", "changed"),
        ("integer; not null", "integer; not null named t_a_not_null not valid", "changed"),
        ("text; default ' not null named t_a_not_null'", "text; default ''", "changed"),
    ],
)
def test_a_name_that_postgresql_gave_to_not_null_is_a_remark(before: str, after: str, kind: str) -> None:
    (change,) = diff(Fingerprint({"column public.t.a": before}), Fingerprint({"column public.t.a": after}))
    assert change.kind == kind
    assert change.is_remark == (kind == "renamed")


def test_equal_is_empty() -> None:
    assert lines({"table t": "owner x"}, {"table t": "owner x"}) == []
