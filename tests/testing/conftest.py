"""Projects whose tests are run by a pytest of their own, as a child, with the plugin."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from tests.invoke import environment
from tests.workflows.project import URL_NAME, Project, project

# an environment that was installed before the entry point was written does not have it
_PLUGIN = () if entry_points(group="pytest11", name="aegisdb") else ("-p", "aegisdb.testing.plugin")


class Child:
    """A project with tests, and runs of them."""

    def __init__(self, pytester: pytest.Pytester, made: Project) -> None:
        self.pytester = pytester
        self.project = made

    @property
    def root(self) -> Path:
        """Where services.yaml is."""
        return self.project.root

    def argv(self, *words: str) -> list[str]:
        """Of a run in which every warning is an error."""
        return ["-p", "no:cacheprovider", "-W", "error", *_PLUGIN, *words]

    def run(self, *words: str) -> pytest.RunResult:
        """Run the tests."""
        return self.pytester.runpytest_subprocess(*self.argv(*words), timeout=240)

    def passes(self, *words: str, **outcomes: int) -> pytest.RunResult:
        """Run the tests, so many of which pass."""
        ran = self.run(*words)
        ran.assert_outcomes(**outcomes)
        return ran

    def left(self) -> set[str]:
        """Databases of the project but its own and the templates."""
        live = self.project.address.database
        return {name for name in self.project.databases() if name != live and "__tpl_" not in name}


@pytest.fixture
def child(pytester: pytest.Pytester, database: Address, monkeypatch: pytest.MonkeyPatch) -> Iterator[Child]:
    """A project with one service on the tests' server, and no tests yet."""
    leave_only(monkeypatch)
    monkeypatch.setenv(URL_NAME, database.url())
    with project(pytester.path, database) as made:
        yield Child(pytester, made)


def leave_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take out of the environment what leads elsewhere; a child of pytest's own has what remains."""
    kept = environment()
    for name in set(os.environ) - set(kept):
        if not name.startswith("PYTEST_CURRENT"):
            monkeypatch.delenv(name)
