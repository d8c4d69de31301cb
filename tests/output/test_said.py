"""Long outputs: some lines at a time are said as each line alone; none is made before it is printed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisdb.output import console, spelling
from aegisdb.output.blocks import Text
from aegisdb.output.masking import Masker
from aegisdb.output.views import blocks_of, migrate
from aegisdb.results import Result

PIECES = (
    "password",
    " = ",
    "=",
    "'",
    '"',
    "hunter22",
    "postgresql://a:",
    "@b/c",
    " ",
    "x",
    "***",
    "invoke ",
    "db.reset",
)


@pytest.fixture(autouse=True, scope="module")
def masked() -> Iterator[None]:
    """One known secret, and commands that somebody types as `aegisdb`."""
    with pytest.MonkeyPatch.context() as patch:
        masker = Masker()
        masker.learn(["hunter22"])
        patch.setattr(console, "mask", masker)
        patch.setattr(spelling, "_program", "aegisdb")
        yield


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=6).map("".join), max_size=6))
def test_many_lines_are_said_as_each_of_them(lines: list[str]) -> None:
    assert console._said(lines) == "\n".join(map(console.said, lines))  # noqa: SLF001


def test_an_endless_result_begins_to_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(_: Any) -> Iterator[Text]:
        return (Text(str(number)) for number in count())

    monkeypatch.setitem(migrate.VIEWS, "Result", endless)
    blocks = blocks_of(Result(), "migrate.lint")
    assert [next(blocks) for _ in range(10_000)][-1] == Text("9999")
