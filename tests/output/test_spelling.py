"""Commands are printed as this person types them: `invoke` or `aegisdb`, whichever task it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aegisdb.output import spelling
from tasks import ns


@pytest.fixture
def program() -> Iterator[str]:
    spelling.type_as("aegisdb")
    yield "aegisdb"
    spelling.type_as("invoke")


def test_every_task_that_ships_is_spelled(program: str) -> None:
    shipped = [name for name in ns.task_names if not name.startswith("dev.")]
    assert len(shipped) >= 50
    assert [name for name in shipped if spelling.spelled(f"→ invoke {name} x") != f"→ {program} {name} x"] == []


def test_other_words_stay(program: str) -> None:
    assert program
    assert spelling.spelled("invoke the function db.x, invoke rollouts") == "invoke the function db.x, invoke rollouts"
