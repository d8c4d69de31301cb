"""`schema:` holds for every connection of a service's process to its database."""

from __future__ import annotations

import subprocess
import sys
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
RAW = """async def by_itself():
    url = config.get_main_option("sqlalchemy.url").replace("+asyncpg", "")
    {}


asyncio.run(by_itself())


async def online():"""
MAKE = 'await {}.execute("CREATE TABLE IF NOT EXISTS app_own (id int)")'
ALONE = "import asyncpg\n    conn = await asyncpg.connect(url)\n    " + MAKE.format("conn") + "\n    await conn.close()"
IN_PARTS = ALONE.replace("connect(url)", "connect(database=sa_url.database, port=sa_url.port, **login)").replace(
    "import asyncpg",
    "import asyncpg\n    from sqlalchemy import make_url\n    sa_url = make_url(url)\n"
    '    login = {"host": sa_url.host, "user": sa_url.username, "password": sa_url.password}',
)
NAMED = ALONE.replace("import asyncpg", "from asyncpg.connection import connect").replace(
    "asyncpg.connect(", "connect("
)
POOL = (
    "from asyncpg import create_pool\n    async with create_pool(url, min_size=1, max_size=1) as pool:\n"
    "        async with pool.acquire() as conn:\n            await conn.fetch('SELECT 1')\n        "
    + MAKE.format("pool")
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


@pytest.mark.parametrize("made", [ALONE, IN_PARTS, NAMED, POOL], ids=["connect", "parts", "named", "pool"])
def test_what_env_py_makes_with_asyncpg_is_in_the_schema(tmp_path: Path, database: Address, made: str) -> None:
    env = ASYNC.replace("async def online():", RAW.format(made))
    assert made in env
    registry, identity = prepare(
        tmp_path, database, revisions=TWO, env=env, schema="Apps_2", alembic={"driver": "asyncpg"}
    )
    with connect(database) as conn:
        conn.execute('CREATE SCHEMA "Apps_2"')
    with session(registry, database, identity) as worker:
        worker.upgrade_one("r1")
    with connect(database) as conn:
        assert conn.rows("SELECT schemaname FROM pg_tables WHERE tablename = 'app_own'") == [("Apps_2",)]


def test_reset_returns_to_the_schema(tmp_path: Path, database: Address) -> None:
    one = Rev(id="r1", up='op.execute("RESET ALL")\nop.execute("CREATE TABLE app_t (id int)")')
    registry, identity = prepare(tmp_path, database, revisions=(one,), schema="apps")
    with connect(database) as conn:
        conn.execute("CREATE SCHEMA apps")
    with session(registry, database, identity) as worker:
        worker.upgrade_one("r1")
    with connect(database) as conn:
        assert conn.rows("SELECT schemaname FROM pg_tables WHERE tablename = 'app_t'") == [("apps",)]


def test_a_look_whether_there_is_such_a_driver_is_no_import_of_it() -> None:
    code = (
        "import importlib.util\nfrom aegisdb.runtime.worker import asyncpg_path\n"
        "asyncpg_path.take('apps', lambda _: True)\nassert importlib.util.find_spec('asyncpg')\n"
        "import asyncpg\nprint(hasattr(asyncpg.connect, '__wrapped__'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "True\n"
