"""What the plugin costs a project that does not use it, and how pytest finds it."""

from __future__ import annotations

import tomllib

import pytest

from tests.invoke import ROOT
from tests.testing.conftest import Child

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.child


def test_pytest_finds_it_by_its_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"aegisdb": "aegisdb.testing.plugin"}
    assert not [need for need in project["dependencies"] if need.startswith("pytest")]


@pytest.mark.parametrize("words", [(), ("--aegis-keep",)], ids=["plain", "keep"])
def test_a_run_that_does_not_use_it_imports_only_the_plugin(child: Child, words: tuple[str, ...]) -> None:
    child.pytester.makeconftest(
        """
import sys

def pytest_unconfigure():
    print("loaded", *sorted(name for name in sys.modules if name.partition(".")[0] in
                            {"aegisdb", "psycopg", "sqlalchemy", "alembic", "asyncpg", "asyncio"}))
"""
    )
    child.pytester.makepyfile("def test_it():\n    pass\n")
    without = child.pytester.runpytest_subprocess("-p", "no:aegisdb", "-p", "no:aegisdb.testing.plugin")
    allowed = {"aegisdb", "aegisdb.testing", "aegisdb.testing.plugin", "aegisdb.testing.keeping"}
    assert "aegisdb.testing.plugin" in _loaded(child.passes(*words, passed=1))
    assert _loaded(child.passes(*words, passed=1)) - _loaded(without) <= allowed


def _loaded(ran: pytest.RunResult) -> set[str]:
    return set(next(line for line in ran.stdout.lines if line.startswith("loaded")).split()[1:])


def test_its_fixtures_are_listed_with_what_they_are(child: Child) -> None:
    child.pytester.makepyfile("def test_it():\n    pass\n")
    listed = child.run("--fixtures").stdout.str()
    for name in ("", "_url", "_engine", "_async_engine", "_asyncpg", "_session", "_async_session"):
        assert f"aegis_db{name} -- " in listed
    page = (ROOT / "docs" / "testing.md").read_text("utf-8")
    assert listed.count("aegis_db") - listed.count("aegis_db.") >= 7
    for line in listed.splitlines():
        if line.startswith("aegis_db"):
            assert f"| `{line.partition(' ')[0]}` |" in page
    marks = child.run("--markers").stdout.str()
    assert "aegis_seeds" in marks
