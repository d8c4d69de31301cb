"""db.verify: each way to weaken the base schema is found and named; an intact one is left as it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.proofs.refusals import Guarded, in_the_way
from aegisdb.workflows.db.verify import base_verify
from aegisdb.workspace import Workspace, open_workspace
from tests.base_schema import INIT_FILES, ROOT, run_sql, schema_text
from tests.invoke import invoke

REGISTRY = """
version: 1
project: aegis
targets: {t: {url: "${TARGET_URL}", proof: t}}
database:
  name: aegis
  user: aegis
  extensions: [age, vector, uuid-ossp]
  graphs: [oilgas]
  init: [%s]
  deploy: sql/deploy
"""


@pytest.fixture
def ws(tmp_path: Path, base_database: Address) -> Workspace:
    return _workspace(tmp_path, base_database)


def test_an_intact_base_is_found_intact_and_left_alone(ws: Workspace, base_database: Address) -> None:
    with ws.connect() as conn:
        before = schema_text(base_database), conn.value("SELECT count(*) FROM audit_logs")
        result = base_verify(ws)
        assert result.problems == ()
        assert (schema_text(base_database), conn.value("SELECT count(*) FROM audit_logs")) == before
    tried = {(check.what, check.object) for check in result.checks if check.what.isupper()}
    assert tried == {(verb, "public.audit_logs") for verb in ("UPDATE", "DELETE", "TRUNCATE")}


def test_each_damage_is_named(ws: Workspace, base_database: Address) -> None:
    with psycopg.connect(base_database.url(), autocommit=True) as conn:
        for damage, named in DAMAGES:
            conn.execute(damage.encode())
            result = base_verify(ws)
            assert result.exit_code == 6, damage
            assert any(named in problem.message for problem in result.problems), damage


def test_a_trigger_that_only_fires_on_rows_is_tried_on_an_empty_table(tmp_path: Path, database: Address) -> None:
    """Row triggers say nothing about an empty table: the trial needs a row that passes no check of the table."""
    extra = tmp_path / "sql" / "init" / "900_ledger.sql"
    ws = _workspace(tmp_path, database, extra=extra, text=LEDGER)
    run_sql(database, *INIT_FILES, extra)
    assert base_verify(ws).problems == ()
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute('ALTER TABLE "Ledger" DISABLE TRIGGER keep')
        assert any('DELETE on public."Ledger"' in p.message for p in base_verify(ws).problems)
        assert conn.execute('SELECT count(*) FROM "Ledger"').fetchone() == (0,)


def test_a_role_that_may_not_write_has_tried_nothing(base_database: Address) -> None:
    """What a missing privilege refuses says nothing of triggers."""
    with psycopg.connect(base_database.url(), autocommit=True) as conn:
        conn.execute("ALTER TABLE audit_logs DISABLE TRIGGER USER")
        conn.execute("CREATE ROLE only_reads")
        try:
            conn.execute("GRANT SELECT ON audit_logs TO only_reads")
            with connect(base_database) as ours:
                ours.execute("SET ROLE only_reads")
                assert in_the_way(ours, Guarded("public.audit_logs", "DELETE")) == "this role has not the privilege"
                ours.execute("RESET ROLE; SET default_transaction_read_only = on")
                assert in_the_way(ours, Guarded("public.audit_logs", "DELETE")) == "sessions of this role only read"
                ours.execute("RESET default_transaction_read_only")
                assert in_the_way(ours, Guarded("public.audit_logs", "DELETE")) == ""
        finally:
            conn.execute("DROP OWNED BY only_reads; DROP ROLE only_reads")


SILENT_FUNCTION = """
    ALTER TABLE audit_logs ENABLE ALWAYS TRIGGER audit_logs_refuse_change;
    CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'
"""
DAMAGES = (
    ("ALTER TABLE audit_logs DISABLE TRIGGER USER", "TRUNCATE on public.audit_logs is not refused"),
    (SILENT_FUNCTION, "DELETE on public.audit_logs is not refused"),
    ("DROP TRIGGER audit_logs_refuse_change ON audit_logs", "UPDATE on public.audit_logs is not refused"),
    ("ALTER TABLE budgets DROP CONSTRAINT ck_budgets_period", "ck_budgets_period"),
    ("DROP INDEX idx_usage_records_agent_id", "idx_usage_records_agent_id"),
    ("CREATE INDEX by_hand ON messages (created_at)", "by_hand"),
    ("DROP EXTENSION vector CASCADE", "extension vector is missing"),
    ("SELECT ag_catalog.drop_graph('oilgas', true)", "graph oilgas is missing"),
    ("DROP TABLE audit_logs", "UPDATE public.audit_logs is missing"),
)


def test_the_command_says_what_is_wrong_and_exits_with_6(ws: Workspace, base_database: Address) -> None:
    with psycopg.connect(base_database.url(), autocommit=True) as conn:
        conn.execute("ALTER TABLE audit_logs DISABLE TRIGGER USER")
    ran = invoke("db.verify", "--format", "json", cwd=ws.registry.root, env={"TARGET_URL": base_database.url()})
    assert ran.code == 6
    assert {error["code"] for error in ran.json["errors"]} == {"base_schema"}
    assert {check["state"] for check in ran.json["result"]["checks"] if check["what"] == "TRUNCATE"} == {"accepted"}


LEDGER = """
CREATE TABLE "Ledger" (
    id uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    amount integer NOT NULL CHECK (amount > 0),
    user_id uuid NOT NULL REFERENCES users
);
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'kept for ever'; END $$;
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON "Ledger" FOR EACH ROW EXECUTE FUNCTION keep();
"""


def _workspace(root: Path, address: Address, *, extra: Path | None = None, text: str = "") -> Workspace:
    shutil.copytree(ROOT / "sql", root / "sql")
    if extra:
        extra.write_text(text)
    files = [file.relative_to(ROOT) for file in INIT_FILES] + ([extra.relative_to(root)] if extra else [])
    (root / "services.yaml").write_text(REGISTRY % ", ".join(map(str, files)))
    return open_workspace(cwd=root, environ={"TARGET_URL": address.url()})
