"""Fixtures: one real PostgreSQL a session, a database of its own for each test."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from aegisdb.cli.interpreter import byte_code_kept
from aegisdb.postgres import databases
from aegisdb.postgres.address import Address
from tests import quick
from tests.base_schema import INIT_FILES, run_sql
from tests.postgres_server import TestServer, start_server
from tests.production import running_production
from tests.running import begin
from tests.workflows.project import Project, project

# started in the background (`nohup`, `&` in a script), a process ignores these, and so would all that a test starts
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# what an example takes says something about the machine and its other work, nothing about what is tested
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

_GUARD = quick.Guard()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep the byte code of tests whatever PYTHONDONTWRITEBYTECODE says: making it is half of collecting them."""
    with byte_code_kept():
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need no server and no child process, before `-m quick` chooses among them."""
    quick.mark(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep neighbours in one process, so that what a module shares is made once, and let an idle process take some."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Hear what a quick test starts while its fixtures are made."""
    yield from _GUARD.watch(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Hear what a quick test starts while it runs."""
    yield from _GUARD.watch(item)


@pytest.fixture(scope="session")
def server() -> Iterator[TestServer]:
    """PostgreSQL 18 with AGE, pgvector and uuid-ossp, password and all, shared by the session."""
    running = start_server()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def older() -> Iterator[TestServer]:
    """PostgreSQL 15 where Debian puts it: NOT NULL is no constraint there."""
    bindir = Path("/usr/lib/postgresql/15/bin")
    if not (bindir / "initdb").exists():
        pytest.skip(f"no PostgreSQL 15 in {bindir}")
    running = start_server(bindir=bindir)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A second server that plays production; the session fails when anything of it is changed."""
    with running_production(tmp_path_factory.mktemp("production")) as made:
        yield made


@pytest.fixture(scope="session", autouse=True)
def _production_watches(request: pytest.FixtureRequest) -> None:
    """In CI production is there from the first test to the last, whichever tests a process runs."""
    if os.environ.get("CI"):
        with _GUARD.paused():
            request.getfixturevalue("production")


@pytest.fixture(autouse=True)
def _test_begins() -> None:
    """After fixtures of the session and of the module, before the test's own."""
    begin()


@pytest.fixture
def database(server: TestServer) -> Iterator[Address]:
    """An empty database of this test's own, dropped afterwards."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.address.url(), autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{name}"')
    yield server.address.with_database(name)
    with psycopg.connect(server.address.url(), autocommit=True) as conn:
        conn.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def base_template(server: TestServer) -> str:
    """Name of a database with the base schema of sql/init, to clone from; never connect to it."""
    name = f"base_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.address.url(), autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{name}"'.encode())
    run_sql(server.address.with_database(name), *INIT_FILES)
    return name


@pytest.fixture
def base_database(server: TestServer, base_template: str) -> Iterator[Address]:
    """A database of this test's own with the base schema, dropped afterwards."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.address.url(), autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{name}" TEMPLATE "{base_template}"'.encode())
    yield server.address.with_database(name)
    with psycopg.connect(server.address.url(), autocommit=True) as conn:
        conn.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


@pytest.fixture
def shop(tmp_path: Path, database: Address) -> Iterator[Project]:
    """A project on a database of this test's own, which is empty; modules whose tests need more of it override this."""
    with project(tmp_path, database) as made:
        yield made


@pytest.fixture
def unmade_shop(tmp_path: Path, database: Address) -> Iterator[Project]:
    """A project whose database does not exist yet."""
    with project(tmp_path, database, kind=None) as made:
        with databases.maintenance(database) as conn:
            databases.drop(conn, database.database)
        yield made
