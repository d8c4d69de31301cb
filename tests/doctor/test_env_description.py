"""What env.py tells is the same in a fork of a process that has Alembic loaded as in a process of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aegisdb.errors import AegisError, Failed, TimedOut
from aegisdb.runtime.forkserver import WarmProcess
from aegisdb.workflows.service import description
from aegisdb.workflows.service.description import describe_history
from tests.monorepo import ASYNC, MODELS, SYNC, Rev, Svc, build_monorepo

pytestmark = pytest.mark.child

MODEL = """
class Item(Base):
    __tablename__ = "{name}_items"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
READ = 'import sys\nprint("read", repr(sys.stdin.read(5)))\nprint("more", file=sys.stderr)\n'
ENVS = {
    "sync": SYNC,
    "async": ASYNC,
    "prints": f"{READ}{SYNC}",
    "setting": SYNC.replace("import models\n", "import os, models\nDATABASE_URL = os.environ['DATABASE_URL']\n"),
    "raises": f'raise RuntimeError("no settings\\nfor this")\n{SYNC}',
    "exits": f'import sys\nsys.exit("not today")\n{SYNC}',
    "lacks": f"import no_such_module_anywhere\n{SYNC}",
    "silent": "pass\n",
}


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmProcess]:
    """The process that is forked."""
    process = WarmProcess(("psycopg", "asyncpg"))
    yield process
    process.close()


def told(home: Path, warm: WarmProcess | None) -> dict[str, Any] | tuple[str, str, str, str]:
    """What is known afterwards, or why nothing is."""
    try:
        return describe_history(home, home / "alembic.ini", (), warm=warm)
    except AegisError as error:
        return error.code, error.message, error.hint, error.where


@pytest.mark.parametrize("name", ENVS)
def test_a_fork_tells_the_same(tmp_path: Path, warm: WarmProcess, name: str) -> None:
    service = Svc(env=ENVS[name], models=MODEL.format(name=name), revisions=(Rev(id="r1"), Rev(id="r2")))
    home = build_monorepo(tmp_path, {name: service}) / "services" / name
    assert (home / "models.py").read_text().startswith(MODELS)
    forked = told(home, warm)
    assert forked == told(home, None)
    if name in {"sync", "async", "prints", "setting"}:
        assert isinstance(forked, dict)
        assert forked["all_tables"] == [f"{name}_items"]
        assert forked["modules"] == [str((home / "models.py").resolve())]
    else:
        assert isinstance(forked, tuple)
        assert forked[0] == "environment"
        assert ("context.configure()" in forked[2]) == (name == "silent")


def test_a_fork_that_never_ends_is_stopped(tmp_path: Path, warm: WarmProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(description, "_DEADLINE", 2.0)
    late = Svc(env=f"import time\ntime.sleep(600)\n{SYNC}", revisions=(Rev(id="r1"),))
    home = build_monorepo(tmp_path, {"late": late}) / "services" / "late"
    with pytest.raises(TimedOut, match=r"env\.py of late did not end within 2 s"):
        describe_history(home, home / "alembic.ini", (), warm=warm)


def test_a_process_that_does_not_load_is_a_failure(tmp_path: Path) -> None:
    home = build_monorepo(tmp_path, {"app": Svc(revisions=(Rev(id="r1"),))}) / "services" / "app"
    gone = WarmProcess(())
    os.killpg(gone._process.pid, signal.SIGKILL)  # noqa: SLF001  as where Alembic cannot be loaded
    gone._process.wait()  # noqa: SLF001  likewise
    with pytest.raises(Failed) as caught:
        describe_history(home, home / "alembic.ini", (), warm=gone)
    assert caught.value.code == "environment"
    gone.close()
