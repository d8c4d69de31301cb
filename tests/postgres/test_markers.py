"""Markers: which of two databases is the newer one, however quickly one was made after the other."""

from __future__ import annotations

import uuid
from itertools import pairwise

from aegisdb.postgres import databases, markers
from aegisdb.postgres.connection import connect
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
