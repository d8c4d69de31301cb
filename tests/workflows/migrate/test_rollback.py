"""migrate.rollback and migrate.reapply: what it costs is said first, and other services are never broken."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres import databases, markers
from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo, table, write_revision
from tests.running import eventually, nothing_left

CRM = (
    Rev(id="c1", up=table("crm_users", "name text"), down='op.drop_table("crm_users")', message="users"),
    Rev(
        id="c2",
        up='op.execute("ALTER TABLE crm_users ADD COLUMN mail text")',
        down='op.execute("ALTER TABLE crm_users DROP COLUMN mail")',
        message="mail",
    ),
)
SHOP = (
    Rev(id="s1", message="nothing"),
    Rev(
        id="s2",
        up=table("shop_orders", "customer bigint REFERENCES crm_users"),
        down='op.drop_table("shop_orders")',
        message="orders",
    ),
)


@pytest.fixture
def root(tmp_path: Path, database: Address) -> Path:
    services = {"crm": Svc(revisions=CRM), "shop": Svc(revisions=SHOP, env="async")}
    build_monorepo(tmp_path, services, url=database.url())
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    with psycopg.connect(database.url()) as conn:
        conn.execute("INSERT INTO crm_users VALUES (1, 'a', 'a@x'), (2, 'b', NULL), (3, 'c', 'c@x')")
    return tmp_path


def value(database: Address, sql: str) -> object:
    with psycopg.connect(database.url()) as conn:
        row = conn.execute(sql.encode()).fetchone()
    return row[0] if row else None


def test_the_cost_is_told_and_the_revision_reverted(root: Path, database: Address) -> None:
    planned = invoke("migrate.rollback", "--service", "crm", "--dry-run", "--format", "json", cwd=root)
    assert planned.json["result"]["losses"] == [{"table": "crm_users", "column": "mail", "rows": 2, "exact": True}]
    assert value(database, "TABLE alembic_version_crm") == "c2"
    ran = invoke("migrate.rollback", "--service", "crm", cwd=root)
    assert ran.code == 0, ran.err
    assert "crm_users.mail" in ran.out
    assert "will lose column crm_users.mail 2 rows" in " ".join(ran.err.split())
    assert value(database, "TABLE alembic_version_crm") == "c1"
    assert value(database, "SELECT action FROM aegisdb.journal WHERE revision = 'c2' ORDER BY id DESC") == "downgrade"


def test_a_rollback_to_where_the_database_is_says_that_it_does_nothing(root: Path, database: Address) -> None:
    ran = invoke("migrate.rollback", "--service", "crm", "--to", "c2", cwd=root)
    assert (ran.code, "nothing to do: no applied revision of crm is to be reverted" in ran.out) == (0, True), ran.out
    assert value(database, "TABLE alembic_version_crm") == "c2"


def test_fault_22_what_another_service_rests_on_stays(root: Path, database: Address) -> None:
    with databases.maintenance(database) as conn:
        markers.mark(conn, database.database, "test")  # so that nothing else stands in the way
    ran = invoke("migrate.rollback", "--service", "crm", "--to", "base", "--yes", cwd=root)
    assert ran.code == 3
    assert "error[dependents]" in ran.last
    assert "shop's shop_orders rests on crm_users" in ran.last
    assert "invoke migrate.rollback --service shop --to s1" in ran.last
    assert value(database, "TABLE alembic_version_crm") == "c2"
    assert value(database, "SELECT count(*) FROM crm_users") == 3


def test_fault_22_a_view_of_another_service_rests_on_a_column(root: Path, database: Address) -> None:
    view = Rev(
        id="s3",
        up='op.execute("CREATE VIEW shop_mails AS SELECT mail FROM crm_users")',
        down='op.execute("DROP VIEW shop_mails")',
    )
    write_revision(root / "services" / "shop", view, "s2")
    assert invoke("migrate.apply", cwd=root).code == 0
    ran = invoke("migrate.rollback", "--service", "crm", cwd=root)
    assert ran.code == 3, ran.err
    assert "shop's shop_mails rests on crm_users (view)" in ran.last
    assert value(database, "TABLE alembic_version_crm") == "c2"
    assert value(database, "SELECT count(mail) FROM shop_mails") == 2


def test_more_than_one_step_needs_a_disposable_database(root: Path, database: Address) -> None:
    assert invoke("migrate.rollback", "--service", "shop", cwd=root).code == 0
    refused = invoke("migrate.rollback", "--service", "crm", "--steps", "2", "--yes", cwd=root)
    assert refused.code == 3
    assert value(database, "SELECT count(*) FROM crm_users") == 3
    with databases.maintenance(database) as conn:
        markers.mark(conn, database.database, "test")
    ran = invoke("migrate.rollback", "--service", "crm", "--steps", "2", "--yes", "--format", "json", cwd=root)
    assert ran.code == 0, ran.err
    assert [done["revision"] for done in ran.json["result"]["done"]] == ["c2", "c1"]
    assert {loss["table"]: loss["rows"] for loss in ran.json["result"]["losses"]} == {"crm_users": 3}
    assert value(database, "SELECT to_regclass('crm_users')") is None


def test_reapply_goes_down_and_up(root: Path, database: Address) -> None:
    ran = invoke("migrate.reapply", "--service", "crm", "--format", "json", cwd=root)
    assert ran.code == 0, ran.err
    assert [(d["revision"], d["direction"]) for d in ran.json["result"]["done"]] == [
        ("c2", "downgrade"),
        ("c2", "upgrade"),
    ]
    assert value(database, "TABLE alembic_version_crm") == "c2"


def test_fault_20_a_failing_downgrade_is_named(tmp_path: Path, database: Address) -> None:
    bad = Rev(id="b1", up=table("a_t"), down='op.drop_table("a_nothing")')
    build_monorepo(tmp_path, {"a": Svc(revisions=(bad,))}, url=database.url())
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    ran = invoke("migrate.rollback", "--service", "a", cwd=tmp_path)
    assert ran.code == 1
    assert "downgrade failed" in ran.last
    assert "b1.py" in ran.last
    assert "42P01" in ran.last
    assert "fix the file, then invoke migrate.rollback --service a" in ran.last
    assert value(database, "TABLE alembic_version_a") == "b1"


def test_fault_20_the_cost_of_a_downgrade_that_reads_is_told_too(tmp_path: Path, database: Address) -> None:
    down = 'assert op.get_bind().scalar(sa.text("SELECT count(*) FROM a_t")) == 2\nop.drop_table("a_t")'
    revisions = (Rev(id="b1", up=table("a_t"), down=down),)
    build_monorepo(tmp_path, {"a": Svc(revisions=revisions)}, url=database.url())
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    with psycopg.connect(database.url()) as conn:
        conn.execute("INSERT INTO a_t VALUES (1), (2)")
    ran = invoke("migrate.rollback", "--service", "a", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert "will lose table a_t 2 rows" in " ".join(ran.err.split())
    assert value(database, "SELECT to_regclass('a_t')") is None


@pytest.mark.parametrize("leave", ["import sys; sys.exit(0)", "import os; os._exit(0)"], ids=["sys.exit", "os._exit"])
def test_fault_19_a_downgrade_that_leaves_is_noticed(tmp_path: Path, database: Address, leave: str) -> None:
    down = f'op.drop_table("a_t")\n{leave}'
    build_monorepo(tmp_path, {"a": Svc(revisions=(Rev(id="b1", up=table("a_t"), down=down),))}, url=database.url())
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    ran = invoke("migrate.rollback", "--service", "a", cwd=tmp_path)
    assert ran.code == 1, ran.err
    assert 'a: b1 "b1": downgrade' in ran.last
    assert "ended without being recorded" in ran.last
    assert ran.last.endswith("invoke migrate.rollback --service a")
    assert value(database, "TABLE alembic_version_a") == "b1"
    assert value(database, "SELECT count(*) FROM a_t") == 0
    assert eventually(lambda: nothing_left(database))


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
def test_fault_19_a_downgrade_that_ends_its_transaction_needs_a_decision(
    tmp_path: Path, database: Address, end: str
) -> None:
    down = f'op.drop_table("a_t")\nop.execute("{end}")'
    build_monorepo(tmp_path, {"a": Svc(revisions=(Rev(id="b1", up=table("a_t"), down=down),))}, url=database.url())
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    ran = invoke("migrate.rollback", "--service", "a", cwd=tmp_path)
    assert ran.code == 5, ran.err
    assert "ends its transaction by itself" in ran.err
    assert "error[half_applied]" in ran.last
    assert "b1.py" in ran.last
    assert value(database, "TABLE alembic_version_a") == "b1"
    assert nothing_left(database)
    again = invoke("migrate.rollback", "--service", "a", cwd=tmp_path)
    assert again.code == 5
    decision, left = ("--applied", None) if end == "COMMIT" else ("--rolled-back", "b1")
    resolved = invoke("migrate.resolve", "--service", "a", decision, cwd=tmp_path)
    assert resolved.code == 0, resolved.err
    assert value(database, "TABLE alembic_version_a") == left


def test_fault_31_nothing_is_downgraded_where_the_database_is_ahead(root: Path, database: Address) -> None:
    (root / "services" / "crm" / "alembic" / "versions" / "c2.py").unlink()
    for words in (("migrate.rollback",), ("migrate.rollback", "--to", "c1"), ("migrate.reapply",)):
        ran = invoke(*words, "--service", "crm", cwd=root)
        assert ran.code == 6, ran.err
        assert "error[ahead]" in ran.last
        assert "ahead by 1" in ran.last
    assert value(database, "TABLE alembic_version_crm") == "c2"
    assert value(database, "SELECT count(mail) FROM crm_users") == 2


def test_bad_bounds_are_bad_input(root: Path) -> None:
    assert invoke("migrate.rollback", "--service", "crm", "--steps", "9", cwd=root).code == 2
    assert invoke("migrate.rollback", "--service", "crm", "--steps", "0", cwd=root).code == 2
    assert invoke("migrate.rollback", "--service", "crm", "--to", "nope", cwd=root).code == 2


def test_a_one_way_revision_is_not_reverted(tmp_path: Path, database: Address) -> None:
    build_monorepo(
        tmp_path, {"a": Svc(revisions=(Rev(id="w1", head='one_way = "rows are merged"'),))}, url=database.url()
    )
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    ran = invoke("migrate.rollback", "--service", "a", cwd=tmp_path)
    assert ran.code == 3
    assert "rows are merged" in ran.last
