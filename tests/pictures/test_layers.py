"""Layout: nothing overlaps, what is pointed at stands left, cycles and long chains are no trouble."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from aegisdb.pictures.layers import Box, Placed, depths, layered, packed

NODES = [f"t{number}" for number in range(12)]
SIZES = st.dictionaries(
    st.sampled_from(NODES), st.tuples(st.floats(20, 300), st.floats(20, 300)), min_size=1, max_size=12
)
EDGES = st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)), max_size=25)


@settings(max_examples=60, deadline=None)
@given(sizes=SIZES, edges=EDGES, tallest=st.floats(50, 900))
def test_tables_never_overlap(
    sizes: dict[str, tuple[float, float]], edges: list[tuple[str, str]], tallest: float
) -> None:
    placed = layered(sizes, edges, tallest=tallest, gap=(40, 10))
    assert set(placed.boxes) == set(sizes)
    _assert_apart(placed)


@settings(max_examples=60, deadline=None)
@given(sizes=SIZES, widest=st.floats(50, 900))
def test_groups_never_overlap_and_keep_within_the_width(sizes: dict[str, tuple[float, float]], widest: float) -> None:
    placed = packed(sizes, widest=widest, gap=15)
    _assert_apart(placed)
    assert all(box.x == 0 or box.x + box.width <= widest for box in placed.boxes.values())


def test_what_is_pointed_at_stands_left_of_what_points_at_it() -> None:
    sizes = dict.fromkeys(["users", "skills", "steps"], (100.0, 50.0))
    boxes = layered(
        sizes, [("skills", "users"), ("steps", "skills"), ("steps", "users")], tallest=500, gap=(10, 10)
    ).boxes
    assert boxes["users"].x < boxes["skills"].x < boxes["steps"].x


def test_cycles_end_and_long_chains_do_not_exhaust_the_stack() -> None:
    assert set(depths("abc", [("a", "b"), ("b", "c"), ("c", "a"), ("a", "a")])) == set("abc")
    chain = [str(number) for number in range(5000)]
    assert depths(chain, list(zip(chain[1:], chain, strict=False)))["4999"] == 4999


def test_nothing_to_place_is_no_trouble() -> None:
    assert layered({}, [], tallest=10, gap=(1, 1)) == Placed({}, 0.0, 0.0)
    assert packed({}, widest=10, gap=1) == Placed({}, 0.0, 0.0)


def _assert_apart(placed: Placed) -> None:
    for a, b in combinations(placed.boxes.values(), 2):
        assert not _overlap(a, b)
    for box in placed.boxes.values():
        assert box.x + box.width <= placed.width + 0.01
        assert box.y + box.height <= placed.height + 0.01


def _overlap(a: Box, b: Box) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height
