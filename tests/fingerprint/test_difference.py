"""What differs between two fingerprints, without a database."""

from __future__ import annotations

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


def test_equal_is_empty() -> None:
    assert lines({"table t": "owner x"}, {"table t": "owner x"}) == []
