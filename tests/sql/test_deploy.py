"""Deploy files: idempotent, and equal to what a new database gets."""

from __future__ import annotations

import psycopg

from aegisdb.postgres.address import Address
from tests.base_schema import DEPLOY_FILES, ROOT, run_sql, schema_text

USERS = ROOT / "sql" / "deploy" / "001_users.sql"


def test_users_of_an_old_database_equal_users_of_a_new_one(base_database: Address, database: Address) -> None:
    run_sql(database, USERS)
    assert schema_text(database, "users") == schema_text(base_database, "users")


def test_the_shared_function_is_the_same_too(base_database: Address, database: Address) -> None:
    run_sql(database, USERS)
    assert _function(database) == _function(base_database)


def test_deploy_files_change_nothing_in_a_new_database_however_often(base_database: Address) -> None:
    before = schema_text(base_database)
    run_sql(base_database, *DEPLOY_FILES, *DEPLOY_FILES)
    assert schema_text(base_database) == before


def test_a_users_table_that_lacks_the_index_gets_it(database: Address) -> None:
    run_sql(database, USERS)
    complete = schema_text(database)
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute("DROP INDEX idx_users_email_lower")
    run_sql(database, USERS, USERS)
    assert schema_text(database) == complete


def _function(address: Address) -> object:
    with psycopg.connect(address.url()) as conn:
        return conn.execute(
            "SELECT pg_get_functiondef(f), obj_description(f) FROM (SELECT 'set_updated_at'::regproc) AS x (f)"
        ).fetchone()
