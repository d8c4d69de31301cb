"""A patched mapping is the mapping that a copy would be, and names every key that may differ from another's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisdb.fingerprint import Fingerprint, diff
from aegisdb.fingerprint.patched import Patched

pytestmark = pytest.mark.quick

KEYS = st.sampled_from([f"table public.t{number}" for number in range(8)])
TEXTS = st.sampled_from(["owner a", "owner b"])
FACTS = st.dictionaries(KEYS, TEXTS)
STEPS = st.lists(st.tuples(st.sets(KEYS), FACTS), max_size=4)


def patched(
    facts: dict[str, str], steps: list[tuple[set[str], dict[str, str]]]
) -> list[tuple[Patched, dict[str, str]]]:
    """Each state of it beside a dictionary that went through the same."""
    states = [(Patched(facts), facts)]
    for gone, new in steps:
        last, copied = states[-1]
        states.append((last.but(gone, new), {k: v for k, v in copied.items() if k not in gone} | new))
    return states


@given(FACTS, STEPS)
def test_it_is_the_mapping_that_a_copy_would_be(
    facts: dict[str, str], steps: list[tuple[set[str], dict[str, str]]]
) -> None:
    for one, copied in patched(facts, steps):
        assert (dict(one), len(one), one == copied) == (copied, len(copied), True)
        keys = [f"table public.t{number}" for number in range(8)]
        assert [(key in one, one.get(key)) for key in keys] == [(key in copied, copied.get(key)) for key in keys]


@given(FACTS, STEPS)
def test_differences_are_those_of_copies(facts: dict[str, str], steps: list[tuple[set[str], dict[str, str]]]) -> None:
    states = patched(facts, steps)
    for one, copied in states:
        for other, as_copied in states:
            expected = diff(Fingerprint(copied), Fingerprint(as_copied))
            assert diff(Fingerprint(one), Fingerprint(other)) == expected
            assert diff(Fingerprint(copied), Fingerprint(other)) == expected


def test_a_large_patch_is_merged_with_what_it_is_about() -> None:
    facts = {f"table public.t{number}": "owner a" for number in range(1000)}
    one, expected = Patched(facts), dict(facts)
    bases = set()
    for number in range(1000):
        gone, new = f"table public.t{number}", {f"view public.v{number}": "owner a"}
        one = one.but([gone], new)
        del expected[gone]
        expected |= new
        bases.add(id(one.base))
    assert dict(one) == expected
    assert 1 < len(bases) < 20
