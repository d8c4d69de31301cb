"""The fixtures themselves: a server with the extensions that AEGIS needs."""

from __future__ import annotations

import psycopg

from aegisdb.postgres.address import Address


def test_the_server_has_age_and_vector(database: Address) -> None:
    with psycopg.connect(database.url()) as conn:
        conn.execute("CREATE EXTENSION age")
        conn.execute("CREATE EXTENSION vector")
        row = conn.execute("SELECT count(*) FROM pg_extension WHERE extname IN ('age', 'vector')").fetchone()
    assert row == (2,)
