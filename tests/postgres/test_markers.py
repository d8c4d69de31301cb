"""Markers: they come back as they were written, and tell which of two databases is the newer one."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from itertools import pairwise

import pytest

from aegisdb.postgres import databases, markers
from aegisdb.postgres.address import Address
from aegisdb.postgres.client import Client
from aegisdb.postgres.connection import Connection, connect
from aegisdb.servers.wheels import server_directory
from tests.postgres_server import TestServer


def test_what_is_marked_within_a_second_keeps_its_order(server: TestServer) -> None:
    name = f"t_{uuid.uuid4().hex[:12]}"
    with connect(server.address) as conn:
        databases.create(conn, name)
        try:
            made = []
            for _ in range(5):
                markers.mark(conn, name, "snapshot")
                found = markers.read_marker(conn, name)
                assert found is not None
                made.append(found.made)
        finally:
            databases.drop(conn, name, force=True)
    assert all(earlier < later for earlier, later in pairwise(made)), made


def _by_psql(address: Address) -> Connection:
    return Client(server_directory).connect(address)


@pytest.mark.parametrize("open_session", [connect, _by_psql])
def test_facts_come_back_as_they_were_whatever_they_hold(
    database: Address, open_session: Callable[[Address], Connection]
) -> None:
    facts = {"branch": 'it\'s $do$ 100%I \\ "x" END', "revisions": "a=1 b=-"}
    with open_session(database) as conn:
        markers.mark(conn, database.database, "snapshot", **facts)
        found = markers.read_marker(conn, database.database)
    assert found is not None
    assert (found.facts, found.kind, found.valid) == (facts, "snapshot", True)
