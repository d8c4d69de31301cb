"""A database for each test, as pytest runs with two workers see it: ours, by hand, and pytest-postgresql's."""

from __future__ import annotations

import json
import statistics
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from benchmarks.measuring import Command, Contender, Samples, compare
from benchmarks.project import run
from benchmarks.scenarios import OURS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.project import Project

TESTS = 200
WHOLE, SEEN = f"{TESTS} tests with -n 2", "a database, as a test waits for it"
HAND, OTHER = "CREATE DATABASE TEMPLATE, psycopg", "pytest-postgresql"
_WAITED = "waited.json"
_BODY = """
import psycopg, pytest

@pytest.mark.parametrize("n", range({tests}))
def test_it(url, n):
    with psycopg.connect(url) as conn:
        conn.execute("CREATE TABLE mine (n int PRIMARY KEY, at timestamptz DEFAULT clock_timestamp())")
        conn.execute("INSERT INTO mine SELECT generate_series(1, 1000)")
        assert conn.execute("SELECT count(*) FROM mine").fetchone() == (1000,)
"""
_COLLECT = f"""
import json
_waited = []

def pytest_runtest_logreport(report):
    if report.when == "setup":
        _waited.append(report.duration * 1000)

def pytest_terminal_summary():
    with open("{_WAITED}", "w") as file:
        json.dump(_waited, file)
"""
_OURS = """
import pytest

@pytest.fixture
def url(aegis_db_url):
    return aegis_db_url
"""
_HAND = """
import os, uuid
import psycopg, pytest

SERVER, _, TEMPLATE = os.environ["TEMPLATE_URL"].rpartition("/")

@pytest.fixture(scope="session")
def admin():
    with psycopg.connect(f"{SERVER}/postgres", autocommit=True) as conn:
        yield conn

@pytest.fixture
def url(admin):
    name = f"hand_{uuid.uuid4().hex}"
    admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield f"{SERVER}/{name}"
    admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
"""
_OTHER = """
import os
from pathlib import Path
from urllib.parse import urlsplit
import psycopg, pytest
from pytest_postgresql import factories

def load(**server):
    with psycopg.connect(**{key: server[key] for key in ("host", "port", "user", "password", "dbname")}) as conn:
        conn.execute(Path("schema.sql").read_text())

there = urlsplit(os.environ["TEMPLATE_URL"])
server = factories.postgresql_noproc(
    host=there.hostname, port=there.port, user=there.username, password=there.password, dbname="other",
    load=[load],
)
client = factories.postgresql("server")

@pytest.fixture
def url(client):
    return os.environ["TEMPLATE_URL"].rpartition("/")[0] + "/" + client.info.dbname
"""


def measure(project: Project, rounds: int) -> dict[str, dict[str, Samples]]:
    """Whole runs, and from the same runs the medians of what a test waits for before it begins."""
    url = run(project.invoke("db.clone")).strip()
    contenders = dict(_contenders(project, url))
    waited: dict[str, Samples] = {name: Samples() for name in contenders}
    whole: dict[str, Samples] = {name: Samples() for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            found = compare(WHOLE, (contender,), 1)[name]
            whole[name].wall += found.wall
            whole[name].cpu += found.cpu
            whole[name].peak = max(whole[name].peak, found.peak)
            seen = json.loads((contender.commands[0].cwd / _WAITED).read_text())
            waited[name].wall.append(statistics.median(seen))
            waited[name].cpu.append(0.0)
    return {WHOLE: whole, SEEN: waited}


def _contenders(project: Project, url: str) -> Iterator[tuple[str, Contender]]:
    yield OURS, Contender(OURS, (_pytest(project, "ours", _OURS, url, "-p", "no:pytest_postgresql"),))
    words = ("-p", "no:aegisdb", "-p", "no:pytest_postgresql")
    yield HAND, Contender(HAND, (_pytest(project, "hand", _HAND, url, *words),))
    if find_spec("pytest_postgresql"):
        command = _pytest(project, "other", _OTHER, url, "-p", "no:aegisdb")
        dump = run(project.pg_dump(url.rpartition("/")[2], "--no-owner", "--inserts"))
        kept = (line for line in dump.splitlines() if not line.startswith("\\"))  # psql's own commands
        (command.cwd / "schema.sql").write_text("\n".join(kept))
        yield OTHER, Contender(OTHER, (command,))


def _pytest(project: Project, name: str, fixture: str, url: str, *words: str) -> Command:
    folder: Path = project.root / "tests" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "conftest.py").write_text(fixture + _COLLECT)
    (folder / "test_it.py").write_text(_BODY.format(tests=TESTS))
    argv = (sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *words)
    return Command(argv, folder, project.environment(TEMPLATE_URL=url))
