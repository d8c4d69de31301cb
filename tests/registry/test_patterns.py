"""Patterns found by their beginning are those that fit when each is tried."""

from __future__ import annotations

from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from aegisdb.registry.patterns import Patterns

TEXTS = st.text("ab_*?[]!.", max_size=6)


@given(st.lists(TEXTS), TEXTS)
def test_what_is_found_is_what_fits(patterns: list[str], name: str) -> None:
    found: Patterns[int] = Patterns()
    for place, pattern in enumerate(patterns):
        found.add(pattern, place)
    fits = {place for place, pattern in enumerate(patterns) if pattern == name or fnmatchcase(name, pattern)}
    assert set(found.fitting(name)) == fits
    assert len(found.fitting(name)) == len(fits)
