"""server-wide."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.judging import found, judge, rev

RULE = "server-wide"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("CREATE ROLE app LOGIN", "CREATE ROLE"),
        ("create user app", "CREATE USER"),
        ("ALTER ROLE app SET statement_timeout = '5s'", "ALTER ROLE"),
        ("ALTER ROLE CURRENT_USER SET work_mem = '8MB'", "ALTER ROLE"),
        ("SELECT 1; DROP ROLE IF EXISTS app", "DROP ROLE"),
        ("ALTER SYSTEM SET work_mem = '8MB'", "ALTER SYSTEM"),
        ("CREATE TABLESPACE fast LOCATION '/data'", "CREATE TABLESPACE"),
        ("CREATE SUBSCRIPTION s CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false)", "CREATE SUBSCRIPTION"),
        ("GRANT readers TO app", "GRANT of a role"),
        ("REVOKE readers FROM app", "REVOKE of a role"),
        ("COMMENT ON ROLE app IS 'the application'", "COMMENT ON ROLE"),
        ("DO $$ BEGIN CREATE ROLE app; EXCEPTION WHEN duplicate_object THEN NULL; END $$", "CREATE ROLE"),
        ("DO $make$ BEGIN IF true THEN CREATE ROLE app; END IF; END $make$", "CREATE ROLE"),
    ],
)
def test_what_belongs_to_the_server(tmp_path: Path, sql: str, said: str) -> None:
    (complaint,) = found(judge(tmp_path, rev(f"op.execute({sql!r})")), RULE)
    assert complaint.startswith(f"{said} changes the whole server")


@pytest.mark.parametrize(
    "sql",
    [
        "GRANT SELECT ON items TO app",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO app",
        "ALTER TABLE items OWNER TO app",
        "CREATE USER MAPPING FOR app SERVER other",
        "ALTER ROLE app IN DATABASE shop SET work_mem = '8MB'",
        "SELECT 'CREATE ROLE app'",
        'CREATE TABLE "role" (id int)',
        "SET ROLE app",
        "CREATE TABLE subscription (id int)",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ SELECT 1 $$",
        "DO $$ BEGIN PERFORM 'DROP ROLE app'; END $$",
    ],
)
def test_what_stays_in_the_database(tmp_path: Path, sql: str) -> None:
    assert not found(judge(tmp_path, rev(f"op.execute({sql!r})")), RULE)


def test_the_way_back_counts(tmp_path: Path) -> None:
    assert found(judge(tmp_path, rev("pass", down='op.execute("DROP ROLE app")')), RULE)
