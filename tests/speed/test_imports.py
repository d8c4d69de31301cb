"""What everyday commands import: counted, because a count does not depend on the machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.invoke import ROOT, environment
from tests.invoke import anew as invoke
from tests.monorepo import Rev, Svc, build_monorepo, table
from tests.postgres_server import free_port

HEAVY = {"alembic", "asyncpg", "jinja2", "psycopg", "pydantic", "rich", "ruamel", "sqlalchemy"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A service with one revision on a server of its own: whoever has only a URL needs psycopg from the start."""
    port = free_port()
    root = build_monorepo(
        tmp_path_factory.mktemp("shop"),
        {"shop": Svc(revisions=(Rev(id="a1", up=table("shop_items"), down='op.execute("DROP TABLE shop_items")'),))},
        extra={"targets": {"local": {"server": "embedded", "port": port}}},
        # from a variable: a registry with a password in it is read anew each time
        database={"password": "${TEST_PASSWORD}"},
    )
    (root / ".env").write_text("TEST_PASSWORD=pw\n")
    assert invoke("db.prepare", cwd=root).code == 0
    yield root
    assert invoke("db.down", "--volumes", "--yes", cwd=root).code == 0


def _imported(root: Path, *words: str, code: int = 0) -> set[str]:
    """Top-level names of everything that `invoke WORDS` imports."""
    return {name.partition(".")[0] for name in _modules(root, *words, code=code)}


def _modules(root: Path, *words: str, code: int = 0) -> set[str]:
    done = _run(root, [sys.executable, "-X", "importtime", "-m", "invoke", "-r", str(ROOT), *words])
    assert done.returncode == code, done.stderr[-2000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert len(lines) > 100
    return {line.rpartition("|")[2].strip() for line in lines}


def _run(root: Path, argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        cwd=root,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--list",), 0),
        (("--complete", "--", "invoke mig"), 0),
        (("--help", "migrate.apply"), 0),
        (("migrate.stattus",), 2),
        (("migrate.status", "--nonsense"), 2),
        (("migrate.status", "--format", "xml"), 2),
        (("migrate.status", "--service", "shopp"), 2),
        (("migrate.rollback",), 2),
    ],
)
def test_what_needs_no_database_imports_nothing_heavy(shop: Path, words: tuple[str, ...], code: int) -> None:
    _imported(shop, "service.list")  # the registry is read once and then kept
    assert _imported(shop, *words, code=code) & HEAVY == set()


def test_status_and_nothing_pending_import_nothing_heavy(shop: Path) -> None:
    assert "psycopg" in _imported(shop, "db.verify")  # so this test would see it
    _imported(shop, "migrate.apply")
    for words in (("migrate.status",), ("migrate.status", "--format", "json"), ("migrate.apply",)):
        assert _imported(shop, *words) & HEAVY == set()


def test_a_warm_reset_imports_nothing_heavy(shop: Path) -> None:
    assert "psycopg" in _imported(shop, "db.reset", "--no-cache")  # which builds everything
    assert _imported(shop, "db.reset") & HEAVY == set()


def test_comparing_what_was_compared_before_imports_nothing_heavy(shop: Path) -> None:
    _imported(shop, "migrate.verify", code=6)  # the service has no model of its table
    assert _imported(shop, "migrate.verify", code=6) & HEAVY == set()


def test_a_switch_of_branches_and_a_new_worktree_import_nothing_heavy(shop: Path) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *who, *words], cwd=shop, check=True, capture_output=True)

    (shop / ".gitignore").write_text(".aegisdb/\n__pycache__/\n")
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "all")
    _imported(shop, "db.switch")
    git("switch", "-q", "-c", "other")
    _imported(shop, "db.switch")  # makes one, for which the worker may be needed
    assert _imported(shop, "db.switch", "main") & HEAVY == set()
    assert _imported(shop, "db.branches") & HEAVY == set()
    there = shop.parent / "worktree"
    git("worktree", "add", "-q", "--detach", str(there))
    assert _imported(there, "db.prepare") & HEAVY == set()
    git("worktree", "remove", "--force", str(there))
    assert invoke("db.cache", "--drop", cwd=shop).code == 0


@pytest.mark.parametrize("words", [("--list",), ("--complete", "--", "invoke mig"), ("--help", "migrate.apply")])
def test_what_runs_nothing_imports_no_engine(shop: Path, words: tuple[str, ...]) -> None:
    loaded = {name for name in _modules(shop, *words) if name.partition(".")[0] == "aegisdb"}
    assert {name for name in loaded if not name.startswith("aegisdb.cli")} == {"aegisdb", "aegisdb.fast_dataclass"}


_WORKER = """
import sys
from aegisdb.runtime.worker.request_loop import load_alembic_side
load_alembic_side()
assert "alembic" in sys.modules
assert not [name for name in sys.modules if name.partition(".")[0] == "pygments"]
from mako.exceptions import html_error_template
try:
    1 / 0
except ZeroDivisionError:
    assert "ZeroDivisionError" in html_error_template().render().decode()
import pygments
from mako.ext.pygmentplugin import MakoLexer
assert pygments.lex("${a}", MakoLexer())
"""


def test_a_worker_does_without_pygments_and_a_service_can_have_it(tmp_path: Path) -> None:
    done = _run(tmp_path, [sys.executable, "-c", _WORKER])
    assert done.returncode == 0, done.stderr


def test_nobody_looks_for_garbage_when_a_command_ends() -> None:
    code = (
        "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count()));"  # last in, first out
        "from aegisdb.cli.interpreter import collect_less_garbage; collect_less_garbage(); import invoke.main"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(ran.stdout) > 10_000
