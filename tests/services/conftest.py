"""Databases at head and seeded, each test on a clone of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from alembic import command
from psycopg import sql

from aegisdb.postgres.address import Address
from tests.postgres_server import TestServer
from tests.services.alembic_cli import config_of, python_m

SEEDS = ("seed_skills", "seed_checklists", "seed_rules", "seed_demo_data")


def run_seed(address: Address, name: str) -> str:
    """Run one of orchestration's seeds; its stdout."""
    done = python_m("orchestration-engine", address, f"orchestration.{name}")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def head_template(server: TestServer, base_template: str) -> Iterator[Address]:
    """The base schema with both histories at head."""
    with _clone(server, base_template) as address:
        for service in ("identity", "orchestration-engine"):
            command.upgrade(config_of(service, address), "head")
        yield address


@pytest.fixture(scope="session")
def seeded_template(server: TestServer, head_template: Address) -> Iterator[Address]:
    """The same, seeded."""
    with _clone(server, head_template.database) as address:
        for seed in SEEDS:
            run_seed(address, seed)
        yield address


@pytest.fixture
def migrated(server: TestServer, head_template: Address) -> Iterator[Address]:
    with _clone(server, head_template.database) as address:
        yield address


@pytest.fixture
def seeded(server: TestServer, seeded_template: Address) -> Iterator[Address]:
    with _clone(server, seeded_template.database) as address:
        yield address


@contextmanager
def _clone(server: TestServer, template: str) -> Iterator[Address]:
    name = sql.Identifier(f"t_{uuid.uuid4().hex[:12]}")
    with psycopg.connect(server.address.url(), autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, sql.Identifier(template)))
    yield server.address.with_database(name.as_string().strip('"'))
    with psycopg.connect(server.address.url(), autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
