"""Lint on an engine: the same report as without, and nothing from a worker that sees something else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aegisdb.engines.engine import Engine
from aegisdb.errors import Refused
from aegisdb.runtime.forkserver import warm_process
from aegisdb.workflows.migrate import lint_elsewhere as module
from aegisdb.workflows.migrate.lint import LintResult, lint
from aegisdb.workspace import open_workspace
from tests.invoke import anew
from tests.monorepo import Rev, Svc, build_monorepo, table

pytestmark = pytest.mark.child
WORDS = ("migrate.lint", "--all", "--format", "json")
IGNORED = 'op.drop_column("{0}_t", "a")  # aegisdb: ignore[unsafe-ddl] reason: nobody reads it'


def service(name: str) -> Svc:
    made = Rev(id=f"{name}1", up=table(f"{name}_t"), down=f'op.drop_table("{name}_t")')
    added = Rev(id=f"{name}2", up=f'op.add_column("{name}_t", sa.Column("a", sa.Integer(), nullable=False))')
    return Svc(revisions=(made, added, Rev(id=f"{name}3", up=IGNORED.format(name), down="pass")))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return build_monorepo(tmp_path, {name: service(name) for name in ("a", "b", "c")})


def timeless(document: Any) -> Any:
    """The document without times."""
    if isinstance(document, dict):
        return {key: timeless(value) for key, value in document.items() if key != "seconds"}
    return [timeless(one) for one in document] if isinstance(document, list) else document


def test_two_workers_give_the_report_of_none(place: Path) -> None:
    expected = anew(*WORDS, cwd=place)
    found = expected.json["result"]
    assert (expected.code, found["revisions"], found["ignored"] > 0) == (6, 9, True), expected.err
    assert {one["service"] for one in found["findings"]} == {*"abc"}
    ran = anew(*WORDS, "--engine", "dask:local:2", cwd=place)
    assert (ran.code, timeless(ran.json)) == (6, timeless(expected.json)), ran.err
    assert "3 parts: 2 at once on dask:local:2" in ran.err


class Threads(ThreadPoolExecutor):
    """An engine of this process, which does something before each call."""

    def __init__(self, before: Callable[[], None]) -> None:
        super().__init__(2)
        self._before = before

    def submit(self, *args: Any, **named: Any) -> Future[Any]:
        """As an executor."""
        self._before()
        return super().submit(*args, **named)


def linted(place: Path, monkeypatch: pytest.MonkeyPatch, executor: Executor) -> LintResult:
    """What lint finds with this engine."""

    @contextmanager
    def engine(name: str) -> Iterator[Engine]:
        with executor:
            yield Engine(name, executor, 2, lambda: True)

    monkeypatch.setattr(module, "engine", engine)
    warm_process()  # here: it would end with the thread that starts it
    return lint(open_workspace(cwd=place), all=True, engine="dask:local:2")


def test_what_an_engine_loses_is_judged_here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost() -> None:
        raise RuntimeError("the scheduler is gone")

    expected = lint(open_workspace(cwd=place), all=True)
    found = linted(place, monkeypatch, Threads(lost))
    assert (found.findings, found.ignored, found.notes) == (expected.findings, expected.ignored, expected.notes)


@pytest.mark.parametrize("what", ["services/b/alembic/versions/b2.py", "services/b/alembic/env.py", ".squawk.toml"])
def test_a_worker_with_other_files_judges_nothing(place: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Also where only a comment differs: it may be an ignore, and it moves lines."""
    path = place / what

    def edited() -> None:
        path.write_text((path.read_text() if path.exists() else "") + "\n# later\n")

    with pytest.raises(Refused, match="sees other files than this run") as refused:
        linted(place, monkeypatch, Threads(edited))
    assert refused.value.code == "engine_differs"


@pytest.mark.parametrize(("name", "other"), [("code_of_aegisdb", "another aegisdb"), ("_squawk", "another squawk")])
def test_a_worker_with_other_programs_judges_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch, name: str, other: str
) -> None:
    def replaced() -> None:
        monkeypatch.setattr(module, name, lambda *_: "another")

    with pytest.raises(Refused, match=f"sees {other} than this run"):
        linted(place, monkeypatch, Threads(replaced))
