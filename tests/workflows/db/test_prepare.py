"""`db.prepare` on a database that is there and has nothing in it, as CI's servers and hosted ones give it."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.postgres.databases import end_sessions
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo, write_revision
from tests.running import eventually, running

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
    more = root / "sql/more.sql"
    right = more.read_text()
    more.write_text("CREATE TABLE more (id int);\nCREATE TABLE accounts ();\n")
    failed = invoke("db.prepare", cwd=root)
    assert failed.code == 1
    assert "sql/more.sql:2" in failed.last
    _refused_as_half_made(root, database)
    more.write_text(right)
    for words in (("db.prepare",), ("db.prepare", "--dry-run")):
        _refused_as_half_made(root, database, *words)
    with connect(database) as conn:
        conn.execute(right)
        conn.execute("DELETE FROM aegisdb.journal WHERE action = 'base'")
    assert invoke("db.prepare", cwd=root).code == 0


def test_a_run_that_is_killed_in_a_file_is_told(root: Path, database: Address) -> None:
    (root / "sql/more.sql").write_text("SELECT pg_sleep(60);\n")
    with running(root, "db.prepare"), connect(database) as conn:
        assert eventually(lambda: conn.value("SELECT to_regclass('accounts')") is not None, 20)
    with connect(database) as conn:
        end_sessions(conn, database.database)
    (root / "sql/more.sql").write_text("CREATE SCHEMA more;\n")
    _refused_as_half_made(root, database)


def test_one_that_left_nothing_is_gone_on_with(root: Path) -> None:
    first = root / "sql/init.sql"
    first.write_text("SELECT 1/0;\n")
    failed = invoke("db.prepare", cwd=root)
    assert (failed.code, "the next db.prepare begins with it again" in failed.last) == (1, True)
    first.write_text(ACCOUNTS)
    prepared = invoke("db.prepare", cwd=root)
    assert (prepared.code, "sql/init.sql" in prepared.out) == (0, True), prepared.err


def test_an_apply_without_the_base_schema_leads_to_prepare(root: Path, database: Address) -> None:
    for _ in range(2):
        failed = invoke("migrate.apply", cwd=root)
        assert failed.code == 1
        assert "has no base schema (sql/init.sql, sql/more.sql)" in failed.last
        assert "then invoke db.prepare" in failed.last
        assert "fix the file" not in failed.last
    with connect(database.with_database("postgres")) as conn:
        conn.execute(f'DROP DATABASE "{database.database}" WITH (FORCE)')
        conn.execute(f'CREATE DATABASE "{database.database}"')
    assert invoke("db.prepare", cwd=root).code == 0
    write_revision(root / "services/shop", Rev(id="a2", up='op.execute("TABLE nothing")'), "a1")
    assert "fix the file" in invoke("migrate.apply", "--accept", "missing-downgrade", cwd=root).last


def _refused_as_half_made(root: Path, database: Address, *words: str) -> None:
    refused = invoke(*words or ("db.prepare",), cwd=root)
    assert (refused.code, "error[half_made]" in refused.last) == (5, True), refused.err
    assert f'CREATE DATABASE "{database.database}"' in refused.last
    with connect(database) as conn:
        assert conn.value("SELECT to_regclass('alembic_version_shop')") is None
