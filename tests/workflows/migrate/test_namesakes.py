"""A table of the same name in another schema is somebody else's: it is neither counted nor taken for the service's."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.applied.data_loss import Dropped, dropped_by_sql
from aegisdb.postgres import databases, markers
from aegisdb.postgres.address import Address
from tests.doctor.clinic import execute
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo, table

CALL = 'op.drop_table("items")'


@pytest.fixture
def root(tmp_path: Path, database: Address) -> Path:
    first = Rev(id="a1", up=table("items"), down=CALL, message="items")
    second = Rev(id="a2", up='op.execute("ALTER TABLE items ADD x int")', down='op.drop_column("items", "x")')
    shop = Svc(revisions=(first, second), schema="own")
    build_monorepo(tmp_path, {"shop": shop}, url=database.url())
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    return tmp_path


def state(root: Path) -> str:
    return str(invoke("migrate.status", "--format", "json", cwd=root).json["services"][0]["state"])


def test_tables_of_a_namesake_are_not_those_of_a_lost_row(root: Path, database: Address) -> None:
    execute(database, "DELETE FROM own.alembic_version_shop", "CREATE TABLE public.items (id int)")
    assert state(root) == "version rows"
    execute(database, "DROP TABLE own.items")
    assert state(root) == "pending"


def test_a_rollback_counts_the_rows_of_the_table_that_it_drops(root: Path, database: Address) -> None:
    execute(
        database,
        "CREATE TABLE public.items AS SELECT g AS id, g AS x FROM generate_series(1, 7) g",
        "INSERT INTO own.items (id, x) VALUES (1, 1), (2, NULL), (3, 3)",
    )
    with databases.maintenance(database) as conn:
        markers.mark(conn, database.database, "test")
    ran = invoke("migrate.rollback", "--service", "shop", "--to", "base", "--yes", "--format", "json", cwd=root)
    assert ran.code == 0, ran.err + ran.out
    losses = {loss["table"]: loss["rows"] for loss in ran.json["result"]["losses"]}
    assert losses == {"own.items": 3}


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("DROP TABLE items;", '"own".items'),
        ("DROP TABLE public.items;", "public.items"),
        ('DROP TABLE "a.b";', '"own"."a.b"'),
        ('DROP TABLE public."a.b";', 'public."a.b"'),
    ],
)
def test_names_are_qualified_once(sql: str, found: str) -> None:
    assert dropped_by_sql(sql, "own") == (Dropped(found),)
    assert Dropped("items").within(None) == Dropped("items")
