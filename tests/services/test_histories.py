"""The example services' histories, with plain Alembic: every revision goes up, down and up without a trace."""

from __future__ import annotations

import psycopg
import pytest
from alembic import command

from aegisdb.postgres.address import Address
from tests.base_schema import DEPLOY_FILES, run_sql, schema_text
from tests.services.alembic_cli import alembic, config_of, revisions

SERVICES = ("identity", "orchestration-engine", "knowledge-graph")


@pytest.mark.parametrize("service", SERVICES)
def test_plain_alembic_goes_up_and_down_and_up(base_database: Address, service: str) -> None:
    base = schema_text(base_database)
    alembic(service, base_database, "upgrade", "head")
    head = schema_text(base_database)
    assert "No new upgrade operations" in alembic(service, base_database, "check")
    alembic(service, base_database, "downgrade", "base")
    assert schema_text(base_database) == base
    alembic(service, base_database, "upgrade", "head")
    assert schema_text(base_database) == head


@pytest.mark.parametrize("service", SERVICES)
def test_each_revision_restores_its_parent_exactly(base_database: Address, service: str) -> None:
    config = config_of(service, base_database)
    parent, before = "base", schema_text(base_database)
    for revision in revisions(service):
        command.upgrade(config, revision)
        after = schema_text(base_database)
        command.downgrade(config, parent)
        assert schema_text(base_database) == before, f"down of {revision}"
        command.upgrade(config, revision)
        assert schema_text(base_database) == after, f"second up of {revision}"
        parent, before = revision, after


def test_each_service_is_clean_while_the_others_tables_are_there(base_database: Address) -> None:
    for service in SERVICES:
        command.upgrade(config_of(service, base_database), "head")
    for service in SERVICES:
        command.check(config_of(service, base_database))


def test_the_url_that_the_suite_gives_wins_over_the_environment(
    base_database: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    for service in SERVICES:
        command.upgrade(config_of(service, base_database), "+1")


@pytest.mark.parametrize("service", SERVICES)
def test_the_offline_sql_of_a_history_runs_through_psql(
    base_database: Address, service: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sql = tmp_path_factory.mktemp("sql") / "up.sql"
    sql.write_text(alembic(service, base_database, "upgrade", "head", "--sql"))
    run_sql(base_database, sql, single_transaction=False)
    assert "No new upgrade operations" in alembic(service, base_database, "check")


@pytest.mark.parametrize("service", SERVICES)
def test_deploy_files_leave_a_migrated_database_alone(base_database: Address, service: str) -> None:
    command.upgrade(config_of(service, base_database), "head")
    before = schema_text(base_database)
    run_sql(base_database, *DEPLOY_FILES)
    assert schema_text(base_database) == before


@pytest.mark.parametrize(
    ("service", "revision", "index"),
    [
        ("identity", "5be90d4471fc", "idx_user_sessions_expires_at_live"),
        ("orchestration-engine", "f83b1d0e5c27", "idx_filing_checklists_due_on_open"),
        ("knowledge-graph", "c15d90f3e7a4", "idx_chunks_embedding_hnsw"),
    ],
)
def test_an_interrupted_concurrent_build_is_mended(
    base_database: Address, service: str, revision: str, index: str
) -> None:
    config = config_of(service, base_database)
    parent = revisions(service)[revisions(service).index(revision) - 1]
    command.upgrade(config, revision)
    with psycopg.connect(base_database.url(), autocommit=True) as conn:
        # as a kill between the two leaves it: the index is there, invalid, and the revision is not recorded
        conn.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", (index,))
        command.stamp(config, parent)
        command.upgrade(config, revision)
        valid = conn.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass", (index,)).fetchone()
    assert valid == (True,)
