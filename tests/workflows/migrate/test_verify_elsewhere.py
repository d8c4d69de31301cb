"""Models compared on an engine: what a worker imported must be what is here, and what fails there is compared here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aegisdb.engines.engine import Engine
from aegisdb.errors import Refused
from aegisdb.postgres.address import Address
from aegisdb.runtime.forkserver import warm_process
from aegisdb.workflows.migrate import verify_elsewhere as module
from aegisdb.workflows.migrate.verify import VerifyResult, verify
from aegisdb.workspace import open_workspace
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo, table

pytestmark = pytest.mark.child
MODELS = """
import os

if os.environ.get("ELSEWHERE"):
    raise RuntimeError("not there")


class Thing(Base):
    __tablename__ = "{0}_t"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    wanted: Mapped[int]
"""


@pytest.fixture
def place(tmp_path: Path, database: Address) -> Path:
    """Two services at head, whose models have a column more."""
    services = {
        name: Svc(revisions=(Rev(id=f"{name}1", up=table(f"{name}_t")),), models=MODELS.format(name)) for name in "ab"
    }
    root = build_monorepo(tmp_path, services, url=database.url())
    assert invoke("migrate.apply", cwd=root).code == 0
    return root


class AtOnce(Executor):
    """An engine that makes each call when it is given, and does something before and after."""

    def __init__(self, before: Callable[[], object], after: Callable[[], object]) -> None:
        self._before = before
        self._after = after

    def submit(self, call: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        """As an executor."""
        done: Future[Any] = Future()
        self._before()
        done.set_result(call(*args, **named))
        self._after()
        return done


def verified(place: Path, monkeypatch: pytest.MonkeyPatch, executor: Executor) -> VerifyResult:
    """What verify finds with this engine."""

    @contextmanager
    def engine(name: str) -> Iterator[Engine]:
        yield Engine(name, executor, 2, lambda: True)

    monkeypatch.setattr(module, "engine", engine)
    warm_process()  # here: it would end with the thread that starts it
    return verify(open_workspace(cwd=place), engine="dask:local:2")


def test_other_models_than_here_are_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = place / "services" / "b" / "models.py"

    def edited() -> None:
        models.write_text(f"{models.read_text()}\n# later\n")

    with pytest.raises(Refused, match="a worker compared other models of b than this run has") as refused:
        verified(place, monkeypatch, AtOnce(lambda: None, edited))
    assert refused.value.code == "engine_differs"


def test_what_fails_there_is_compared_here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = verified(
        place,
        monkeypatch,
        AtOnce(lambda: monkeypatch.setenv("ELSEWHERE", "1"), lambda: monkeypatch.delenv("ELSEWHERE")),
    )
    assert [bool(row.models) for row in found.services] == [True, True]
    assert {problem.code for problem in found.problems} == {"models"}
    assert found == verify(open_workspace(cwd=place))
