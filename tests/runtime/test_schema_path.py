"""`schema:` holds for every connection of a service's process to its database."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from tests.monorepo import ASYNC, SYNC, Rev, table
from tests.runtime.test_session import prepare, session

INSPECTS = """
if "app_t" in sa.inspect(op.get_bind().engine).get_table_names():
    op.add_column("app_t", sa.Column("added", sa.Text))
"""
TWO = (Rev(id="r1", up=table("app_t")), Rev(id="r2", up=INSPECTS))
ENGINE = SYNC.replace(
    "def migrate(connection):",
    "from sqlalchemy import create_engine, text\n"
    'url = config.get_main_option("sqlalchemy.url")\n'
    'with create_engine(url, connect_args={"options": "-c app.x=1"}).begin() as c:\n'
    "    c.execute(text(\"CREATE TABLE IF NOT EXISTS app_own AS SELECT current_setting('app.x') AS x\"))\n\n\n"
    "def migrate(connection):",
)
DRIVER = SYNC.replace(
    "def migrate(connection):",
    "import psycopg\n"
    'with psycopg.connect(config.get_main_option("sqlalchemy.url").replace("+psycopg", "")) as c:\n'
    '    c.execute("CREATE TABLE IF NOT EXISTS app_own (id int)")\n\n\n'
    "def migrate(connection):",
)


@pytest.mark.parametrize("env", [SYNC, ASYNC], ids=["sync", "async"])
@pytest.mark.parametrize("schema", ["apps", "Apps_2"])
def test_the_engine_sees_what_the_connection_sees(tmp_path: Path, database: Address, env: str, schema: str) -> None:
    kind = "async" if env is ASYNC else "sync"
    registry, identity = prepare(tmp_path, database, revisions=TWO, env=kind, schema=schema)
    with connect(database) as conn:
        conn.execute('CREATE SCHEMA "{}"'.format(schema.replace('"', '""')))
    with session(registry, database, identity) as worker:
        worker.upgrade_one("r1")
        if env is SYNC:  # there is no inspection of an asynchronous engine
            worker.upgrade_one("r2")
    with connect(database) as conn:
        columns = conn.rows(
            "SELECT table_schema, column_name FROM information_schema.columns WHERE table_name = 'app_t'"
        )
    assert set(columns) == {(schema, "id"), *([(schema, "added")] if env is SYNC else [])}


@pytest.mark.parametrize("env", [ENGINE, DRIVER], ids=["engine", "driver"])
def test_what_env_py_makes_by_itself_is_in_the_schema(tmp_path: Path, database: Address, env: str) -> None:
    registry, identity = prepare(tmp_path, database, revisions=TWO, env=env, schema="apps")
    with connect(database) as conn:
        conn.execute("CREATE SCHEMA apps")
    with session(registry, database, identity) as worker:
        worker.upgrade_one("r1")
    with connect(database) as conn:
        assert conn.rows("SELECT schemaname FROM pg_tables WHERE tablename = 'app_own'") == [("apps",)]


def test_reset_returns_to_the_schema(tmp_path: Path, database: Address) -> None:
    one = Rev(id="r1", up='op.execute("RESET ALL")\nop.execute("CREATE TABLE app_t (id int)")')
    registry, identity = prepare(tmp_path, database, revisions=(one,), schema="apps")
    with connect(database) as conn:
        conn.execute("CREATE SCHEMA apps")
    with session(registry, database, identity) as worker:
        worker.upgrade_one("r1")
    with connect(database) as conn:
        assert conn.rows("SELECT schemaname FROM pg_tables WHERE tablename = 'app_t'") == [("apps",)]
