"""A healthy project on a database of its own, cloned from one that is made once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisdb.postgres import databases
from tests.doctor.clinic import Clinic, clinic
from tests.postgres_server import TestServer


@pytest.fixture(scope="session")
def applied(server: TestServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a database in which the service is at head."""
    name = f"clinic_{uuid.uuid4().hex[:8]}"
    with databases.maintenance(server.address) as conn:
        databases.create(conn, name)
    made = clinic(tmp_path_factory.mktemp("clinic"), server.address.with_database(name))
    assert made.invoke("migrate.apply").code == 0
    return name


@pytest.fixture
def healthy(tmp_path: Path, server: TestServer, applied: str) -> Iterator[Clinic]:
    """One service, at head."""
    address = server.address.with_database(f"t_{uuid.uuid4().hex[:12]}")
    with databases.maintenance(address) as conn:
        databases.clone(conn, applied, address.database)
    yield clinic(tmp_path, address)
    with databases.maintenance(address) as conn:
        for (name,) in conn.rows("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (address.database,)):
            databases.drop(conn, name, force=True)
