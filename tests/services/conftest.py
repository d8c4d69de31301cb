"""Databases of the plugin, at head and seeded, on the tests' own server; see docs/testing.md."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from aegisdb.postgres.address import Address
from aegisdb.testing.database import Database
from aegisdb.testing.plugin import _RUN
from aegisdb.testing.run import Run
from tests.base_schema import ROOT
from tests.invoke import environment
from tests.postgres_server import TestServer, free_port
from tests.services.alembic_cli import python_m

SEEDS = ("seed_skills", "seed_checklists", "seed_rules", "seed_demo_data")


def run_seed(address: Address, name: str) -> str:
    """Run one of orchestration's seeds; its stdout."""
    done = python_m("orchestration-engine", address, f"orchestration.{name}")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session", autouse=True)
def _on_the_tests_server(server: TestServer, pytestconfig: pytest.Config) -> Iterator[None]:
    """Let the plugin work as in a CI job: DATABASE_URL names a database that is not there, on a server for tests."""
    url = server.address.with_database(f"services_{uuid.uuid4().hex[:12]}").url()
    environ = environment({"DATABASE_URL": url, "KNOWLEDGE_GRAPH_PORT": str(free_port())})
    pytestconfig.stash[_RUN] = run = Run((ROOT,), environ, target="", ahead=1)
    yield
    run.close()  # while the server is there
    del pytestconfig.stash[_RUN]


@pytest.fixture
def at_head(aegis_db: Database) -> Address:
    """A database of this test's own, with all histories at head; with the mark aegis_seeds, seeded."""
    return aegis_db.address
