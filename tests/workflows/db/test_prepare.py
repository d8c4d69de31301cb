"""`db.prepare` on a database that is there and has nothing in it, as CI's servers and hosted ones give it."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo

ACCOUNTS = "CREATE TABLE accounts (id int PRIMARY KEY);\n"
ON_THEM = 'op.execute("CREATE TABLE shop_orders (id int REFERENCES accounts)")'
SHOP = Svc(revisions=(Rev(id="a1", up=ON_THEM, down='op.drop_table("shop_orders")'),))


@pytest.fixture
def root(tmp_path: Path, database: Address) -> Path:
    """A project on an empty database of a server given by URL."""
    init = {"sql/init.sql": ACCOUNTS, "sql/more.sql": "CREATE SCHEMA more;\n"}
    build_monorepo(tmp_path, {"shop": SHOP}, url=database.url(), init=init)
    return tmp_path


def test_an_empty_database_gets_its_base_schema(root: Path) -> None:
    planned = invoke("db.prepare", "--dry-run", cwd=root)
    assert planned.out.splitlines()[1:4] == [
        "would run sql/init.sql",
        "would run sql/more.sql",
        "would apply a1 of shop",
    ]
    prepared = invoke("db.prepare", cwd=root)
    assert prepared.code == 0, prepared.err
    assert [line.split() for line in prepared.out.splitlines()[1:4]] == [
        ["base", "schema", "sql/init.sql"],
        ["sql/more.sql"],
        ["revisions", "shop", "a1"],
    ]
    assert invoke("db.verify", cwd=root).code == 0
    assert "nothing to do" in invoke("db.prepare", cwd=root).out


def test_one_that_has_something_in_it_gets_none(root: Path, database: Address) -> None:
    with connect(database) as conn:
        conn.execute(ACCOUNTS)
    assert "would run" not in invoke("db.prepare", "--dry-run", cwd=root).out
    prepared = invoke("db.prepare", cwd=root)
    assert (prepared.code, "sql/init.sql" in prepared.out) == (0, False), prepared.err
    with connect(database) as conn:
        assert conn.value("SELECT to_regnamespace('more')") is None


def test_what_a_failing_file_leaves_is_told(root: Path, database: Address) -> None:
    (root / "sql/more.sql").write_text("CREATE TABLE more (id int);\nCREATE TABLE accounts ();\n")
    failed = invoke("db.prepare", cwd=root)
    assert failed.code == 1
    assert "sql/more.sql:2" in failed.last
    assert "drop the database and create it again before the next db.prepare" in failed.last
    with connect(database) as conn:
        assert conn.value("SELECT to_regclass('alembic_version_shop')") is None
