"""Statements and their words."""

from __future__ import annotations

import pytest

from aegisdb.lint.statements import statements

SQL = "ALTER ROLE \"in\" IN DATABASE shop SET a = 'drop owned by b'; DROP, OWNED"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("alter",), [True, False]),
        (("alter", "role"), [True, False]),
        (("in", "database"), [True, False]),
        (("role", "in"), [False, False]),
        (("database", "set"), [False, False]),
        (("drop",), [False, True]),
        (("drop", "owned"), [False, False]),
        (("owned",), [False, True]),
        (("alter", "role", "in", "database", "shop", "set", "a", "more"), [False, False]),
        (("a",), [True, False]),
        (("lter",), [False, False]),
    ],
)
def test_words_one_after_the_other(words: tuple[str, ...], expected: list[bool]) -> None:
    assert [one.has(*words) for one in statements(SQL)] == expected
