"""A database for each test, as pytest with two workers sees it: ours, by hand, pytest-postgresql's, testcontainers'.

The first three on the embedded server, and again on one that is `volatile`, so that what the server gives and what the
plugin gives can be told apart.
"""

from __future__ import annotations

import json
import os
import re
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
CONTAINER = "testcontainers, the schema for each test"
VOLATILE = "tests"
_ON_IT = ", volatile server"
OURS_VOLATILE, HAND_VOLATILE, OTHER_VOLATILE = OURS + _ON_IT, HAND + _ON_IT, OTHER + _ON_IT
_IMAGE = "AEGIS_BENCH_IMAGE"
"""Environment variable: an image with AGE and pgvector, as `docker build docker/postgres` makes it."""
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
_CONTAINER = """
import os, uuid
from pathlib import Path
import psycopg, pytest
from testcontainers.postgres import PostgresContainer

@pytest.fixture(scope="session")
def server():
    with PostgresContainer(os.environ["AEGIS_BENCH_IMAGE"], username="aegis", driver=None) as container:
        yield container.get_connection_url()

@pytest.fixture
def url(server):
    name = f"t_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    made = server.rpartition("/")[0] + f"/{name}"
    with psycopg.connect(made) as conn:
        conn.execute(Path("schema.sql").read_text())
    yield made
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
"""


def measure(project: Project, rounds: int) -> dict[str, dict[str, Samples]]:
    """Whole runs, and from the same runs the medians of what a test waits for before it begins."""
    _add_volatile(project)
    contenders = dict(_contenders(project))
    waited: dict[str, Samples] = {name: Samples() for name in contenders}
    whole: dict[str, Samples] = {name: Samples() for name in contenders}
    try:
        for _ in range(rounds):
            for name, contender in contenders.items():
                found = compare(WHOLE, (contender,), 1)[name]
                whole[name].wall += found.wall
                whole[name].cpu += found.cpu
                whole[name].peak = max(whole[name].peak, found.peak)
                seen = json.loads((contender.commands[0].cwd / _WAITED).read_text())
                waited[name].wall.append(statistics.median(seen))
                waited[name].cpu.append(0.0)
    finally:
        run(project.invoke("db.down", "--volumes", "--yes", "--target", VOLATILE))
    return {WHOLE: whole, SEEN: waited}


def _add_volatile(project: Project) -> None:
    path = project.root / "services.yaml"
    document = json.loads(path.read_text())
    document["targets"][VOLATILE] = {"server": "embedded", "volatile": True}
    path.write_text(json.dumps(document))


def _contenders(project: Project) -> Iterator[tuple[str, Contender]]:
    url = run(project.invoke("db.clone")).strip()
    dump = run(project.pg_dump(url.rpartition("/")[2], "--no-owner", "--inserts"))
    kept = (line for line in dump.splitlines() if not line.startswith("\\"))  # psql's own commands
    schema = "\n".join(kept)
    run(project.invoke("db.up", "--target", VOLATILE))
    volatile = run(project.invoke("db.clone", "--target", VOLATILE)).strip()
    other = ("-p", "no:pytest_postgresql")
    for on, there, words in (("", url, ()), (_ON_IT, volatile, ("--aegis-target", VOLATILE))):
        yield _contender(project, OURS + on, _OURS, there, *other, *words)
        yield _contender(project, HAND + on, _HAND, there, "-p", "no:aegisdb", *other)
        if find_spec("pytest_postgresql"):
            yield _contender(project, OTHER + on, _OTHER, there, "-p", "no:aegisdb", schema=schema)
    if find_spec("testcontainers") and os.environ.get(_IMAGE):
        yield _contender(project, CONTAINER, _CONTAINER, url, "-p", "no:aegisdb", *other, schema=schema)


def _contender(
    project: Project, name: str, fixture: str, url: str, *words: str, schema: str = ""
) -> tuple[str, Contender]:
    folder: Path = project.root / "tests" / re.sub(r"\W+", "_", name)
    folder.mkdir(parents=True)
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "conftest.py").write_text(fixture + _COLLECT)
    (folder / "test_it.py").write_text(_BODY.format(tests=TESTS))
    (folder / "schema.sql").write_text(schema)
    argv = (sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *words)
    environment = project.environment(TEMPLATE_URL=url)
    if image := os.environ.get(_IMAGE):
        # its reaper of left containers is an image of its own
        environment |= {_IMAGE: image, "TESTCONTAINERS_RYUK_DISABLED": "true"}
    return name, Contender(name, (Command(argv, folder, environment),))
