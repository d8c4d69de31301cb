"""A revision that names its database is stopped in a proof: it would change the live one out of a copy."""

from __future__ import annotations

from pathlib import Path

import psycopg

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo

SETTINGS = "SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase WHERE datname = %s"
IN_WORDS = """
op.execute("CREATE TABLE shop_t (id int)")
op.execute("INSERT INTO shop_t SELECT 1 WHERE 'it lies on database {name}' <> ''")
op.execute("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = ''5MB''', current_database()); END $$")
"""


def test_a_proof_does_not_change_the_live_database(tmp_path: Path, database: Address) -> None:
    name = database.database
    up = f"op.execute(\"ALTER  database {name} SET work_mem = '5MB'\")"
    root = build_monorepo(tmp_path, {"shop": Svc(revisions=(Rev(id="s1", up=up),))}, url=database.url())
    for words in (("migrate.roundtrip", "--all"), ("migrate.verify",)):
        ran = invoke(*words, cwd=root)
        assert ran.code != 0
        assert f"ALTER database {name}, but runs in another database first" in ran.out + ran.err, words
        assert "current_database()" in ran.out + ran.err
    with psycopg.connect(database.url(), autocommit=True) as conn:
        assert conn.execute(SETTINGS, [name]).fetchall() == [(0,)]
    assert invoke("migrate.apply", cwd=root).code == 0  # this is the one that it means
    with psycopg.connect(database.url(), autocommit=True) as conn:
        assert conn.execute(SETTINGS, [name]).fetchall() == [(1,)]


def test_what_it_should_say_is_proven(tmp_path: Path, database: Address) -> None:
    up = IN_WORDS.replace("{name}", database.database.upper())
    revision = Rev(id="s1", up=up, down='op.drop_table("shop_t")')
    root = build_monorepo(tmp_path, {"shop": Svc(revisions=(revision,))}, url=database.url())
    ran = invoke("migrate.roundtrip", "--all", cwd=root)
    assert "names" not in ran.out + ran.err
    assert ran.code == 0, ran.out + ran.err
