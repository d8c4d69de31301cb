"""The base schema: loads in every way it is loaded, twice too, and keeps its promises."""

from __future__ import annotations

import re

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.base_schema import DEPLOY_FILES, INIT_FILES, ROOT, run_sql, schema_text

ANOTHER_DATABASE = re.compile(r"^\s*\\c|\b(ALTER|CREATE|DROP|ON)\s+DATABASE\b", re.MULTILINE | re.IGNORECASE)
UPSERT = """
    INSERT INTO audit_logs (id, actor_type, action, entity_type)
    OVERRIDING SYSTEM VALUE VALUES (1, 'user', 'filing.submitted', 'filing')
    ON CONFLICT (id) DO UPDATE SET action = 'filing.returned'
"""


def _connect(address: Address) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(address.url(), autocommit=True)


def test_every_file_of_sql_init_is_loaded() -> None:
    assert sorted(INIT_FILES) == sorted((ROOT / "sql" / "init").glob("*"))


def test_a_second_run_changes_nothing(base_database: Address) -> None:
    first = schema_text(base_database)
    with _connect(base_database) as conn:
        rows = conn.execute("SELECT count(*) FROM rrc_form_mappings").fetchone()
        run_sql(base_database, *INIT_FILES)
        assert conn.execute("SELECT count(*) FROM rrc_form_mappings").fetchone() == rows
    assert schema_text(base_database) == first


def test_it_loads_without_a_transaction_as_the_docker_entrypoint_does(
    base_database: Address, database: Address
) -> None:
    run_sql(database, *INIT_FILES, single_transaction=False)
    assert schema_text(database) == schema_text(base_database)


def test_it_lands_in_public_where_the_search_path_starts_with_ag_catalog(database: Address) -> None:
    with _connect(database) as conn:
        conn.execute(f'ALTER DATABASE "{database.database}" SET search_path = ag_catalog, "$user", public')
    run_sql(database, *INIT_FILES)
    with _connect(database) as conn:
        assert conn.execute(
            "SELECT to_regclass('public.audit_logs'), to_regclass('ag_catalog.audit_logs')"
        ).fetchone() == (
            "audit_logs",
            None,
        )


def test_no_file_leaves_the_search_path_changed(database: Address) -> None:
    with _connect(database) as conn:
        before = conn.execute("SHOW search_path").fetchone()
        for file in (*INIT_FILES, *DEPLOY_FILES):
            conn.execute(file.read_bytes())
            assert conn.execute("SHOW search_path").fetchone() == before, file.name


def test_no_file_names_a_database() -> None:
    for file in (*INIT_FILES, *DEPLOY_FILES):
        assert not re.search(
            r"^\s*\\c|\b(ALTER|CREATE|DROP|ON)\s+DATABASE\b", file.read_text(), re.MULTILINE | re.IGNORECASE
        ), file.name


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_logs SET action = 'a.b'",
        "DELETE FROM audit_logs",
        "TRUNCATE audit_logs",
        "SET session_replication_role = replica; DELETE FROM audit_logs",
        UPSERT,
    ],
)
@pytest.mark.parametrize("rows", [0, 1])
def test_the_audit_trail_refuses_every_change(base_database: Address, statement: str, rows: int) -> None:
    insert = "INSERT INTO audit_logs (actor_type, action, entity_type) VALUES ('user', 'filing.submitted', 'filing')"
    with _connect(base_database) as conn:
        for _ in range(rows):
            conn.execute(insert)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            conn.execute(statement.encode())
        assert conn.execute("SELECT count(*) FROM audit_logs").fetchone() == (rows,)


def test_reference_rows_cover_the_forms(base_database: Address) -> None:
    with _connect(base_database) as conn:
        forms = {row[0] for row in conn.execute("SELECT DISTINCT form_code FROM rrc_form_mappings")}
        assert forms >= {"W-1", "W-2", "G-1", "P-4", "PR"}
        undefined = conn.execute(
            "SELECT name FROM entity_type_definitions t WHERE NOT EXISTS"
            " (SELECT FROM entity_field_definitions f WHERE f.entity_type_id = t.id AND f.name = t.key_field)"
        ).fetchall()
        assert undefined == []


def test_every_foreign_key_of_the_base_schema_is_named_and_every_table_commented(base_database: Address) -> None:
    with _connect(base_database) as conn:
        tables = conn.execute(
            "SELECT relname, obj_description(oid) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        assert len(tables) == 19
        assert [name for name, comment in tables if comment is None] == []
        names = conn.execute(
            "SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'"
        ).fetchall()
        assert [name for (name,) in names if not str(name).startswith(("pk_", "fk_", "uq_", "ck_"))] == []
