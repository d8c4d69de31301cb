"""What is asked about one service is answered whatever is broken in another one that it does not need."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import SYNC, Rev, Svc, build_monorepo, table, write

A1 = Rev(id="a1", up=table("a_t"), down='op.drop_table("a_t")')
COMMANDS = (
    ("migrate.status", "--service", "a"),
    ("migrate.plan", "--service", "a"),
    ("migrate.sql", "--service", "a"),
    ("migrate.roundtrip", "--service", "a"),
    ("migrate.apply", "--service", "a"),
    ("migrate.roundtrip", "--service", "a"),
    ("migrate.stamp", "--service", "a", "--revision", "a1"),
    ("migrate.new", "--service", "a", "-m", "more of it", "--empty"),
    ("migrate.rollback", "--service", "a", "--yes"),
)


def broken(root: Path, database: Address, **more: tuple[str, ...]) -> Path:
    services = {"a": Svc(revisions=(A1,), **more), "b": Svc(revisions=(Rev(id="b1", up=table("b_t")),))}  # type: ignore[arg-type]
    build_monorepo(root, services, url=database.url())
    write(root / "services/b/alembic/versions/b2.py", "def (\n")
    return root


def test_a_broken_file_of_another_service_is_in_nobodys_way(database: Address, tmp_path: Path) -> None:
    root = broken(tmp_path, database)
    assert {words: ran.last for words in COMMANDS if (ran := invoke(*words, cwd=root)).code} == {}


@pytest.mark.parametrize("words", [("migrate.roundtrip",), ("migrate.plan",), ("migrate.new", "-m", "more of it")])
def test_one_that_it_needs_is_told(database: Address, tmp_path: Path, words: tuple[str, ...]) -> None:
    ran = invoke(*words, "--service", "a", cwd=broken(tmp_path, database, after=("b",)))
    assert (ran.code, "b2.py does not compile" in ran.last) == (2, True)


def test_a_version_table_in_another_schema_is_not_taken_for_an_empty_one(database: Address, tmp_path: Path) -> None:
    env = SYNC.replace(
        'version_table="{version_table}"', 'version_table="{version_table}", version_table_schema="meta"'
    )
    root = build_monorepo(tmp_path, {"a": Svc(revisions=(A1,), env=env)}, url=database.url())
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute("CREATE SCHEMA meta")
    ran = invoke("migrate.apply", cwd=root)
    assert ran.code == 2
    assert "keeps its version in meta.alembic_version_a, services.yaml says alembic_version_a" in ran.last
    assert "`schema: meta`" in ran.last
    public = env.replace('"meta"', '"public"').replace("{version_table}", "alembic_version_a").replace("{imports}", "")
    write(root / "services/a/alembic/env.py", public)
    assert invoke("migrate.apply", cwd=root).code == 0


def test_a_role_of_an_init_file_belongs_to_the_server(database: Address, tmp_path: Path) -> None:
    root = build_monorepo(
        tmp_path, {"a": Svc(revisions=(A1,))}, url=database.url(), init={"1.sql": "CREATE ROLE pg_database_owner;\n"}
    )
    ran = invoke("migrate.roundtrip", "--all", cwd=root)
    assert ran.code == 1
    assert "role" in ran.last
    assert "a role belongs to the server" not in ran.last  # a reserved name is another mistake
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute("CREATE ROLE of_the_test")
    try:
        (root / "1.sql").write_text("CREATE ROLE of_the_test;\n")
        ran = invoke("migrate.roundtrip", "--all", cwd=root)
        assert "a role belongs to the server, not to the database that is built anew" in ran.last
        (root / "1.sql").write_text(
            "DO $$ BEGIN CREATE ROLE of_the_test; EXCEPTION WHEN duplicate_object THEN NULL; END $$;\n"
        )
        assert invoke("migrate.roundtrip", "--all", cwd=root).code == 0
    finally:
        with psycopg.connect(database.url(), autocommit=True) as conn:
            conn.execute("DROP ROLE of_the_test")
