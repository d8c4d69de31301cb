"""A second PostgreSQL that plays production: migrated, with rows and a snapshot, and compared when all is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aegisdb.fingerprint import read
from aegisdb.postgres.connection import connect
from tests.postgres_server import start_server
from tests.running import eventually
from tests.workflows.project import Project, project

TABLES = ("notes", "shop_items", "alembic_version_shop", "aegisdb.journal", "aegisdb.in_flight")
State = dict[str, object]


@contextmanager
def running_production(root: Path) -> Iterator[Project]:
    """The server and a project of its own at `root`, whose database nothing proves to be disposable."""
    server = start_server()
    try:
        address = server.address.with_database("aegis")
        with connect(server.address) as conn:
            conn.execute("CREATE DATABASE aegis")
        with project(root, address, kind=None) as made:
            made.write("precious")
            for words in (("migrate.apply",), ("db.snapshot", "kept")):
                ran = made.invoke(*words)
                assert ran.code == 0, ran.err
            with connect(address) as conn:
                conn.execute("INSERT INTO shop_items VALUES (1, 10), (2, 20)")
            before = state(made)
            yield made
            assert state(made) == before, "something changed production"
    finally:
        server.stop()


def state(production: Project) -> State:
    """Its catalog, the rows of every table, its databases, roles and who is connected."""
    with connect(production.address) as conn:
        found: State = {name: conn.rows(f"TABLE {name}") for name in TABLES}
        found["schema"] = read(conn).text
        found["databases"] = conn.rows(
            "SELECT oid::bigint, datname, shobj_description(oid, 'pg_database') FROM pg_database ORDER BY 1"
        )
        found["roles"] = conn.rows("SELECT rolname FROM pg_roles ORDER BY 1")
        locks = "SELECT objid FROM pg_locks WHERE locktype = 'advisory'"
        eventually(lambda: not conn.rows(locks), 30)  # a session outlives its client by a moment
        found["locks"] = conn.rows(locks)
    return found
