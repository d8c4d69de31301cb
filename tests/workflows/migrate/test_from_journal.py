"""migrate.rollback --from-journal: what another branch applied is reverted without its files."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres import databases, markers
from aegisdb.postgres.address import Address
from tests.invoke import Ran, invoke
from tests.monorepo import Rev, Svc, build_monorepo, table

KEPT = (Rev(id="c1", up=table("crm_users"), down='op.drop_table("crm_users")'),)
OTHERS = (
    Rev(id="c2", up=table("crm_notes", "text text"), down='op.drop_table("crm_notes")'),
    Rev(
        id="c3",
        up='op.execute("ALTER TABLE crm_users ADD mail text")',
        down='op.execute("ALTER TABLE crm_users DROP mail")',
    ),
)


@pytest.fixture
def root(tmp_path: Path, database: Address) -> Path:
    """A database that another branch has migrated further."""
    build_monorepo(tmp_path, {"crm": Svc(revisions=(*KEPT, *OTHERS))}, url=database.url())
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute("INSERT INTO crm_notes VALUES (1, 'kept nowhere')")
    for path in versions(tmp_path):
        if path.stem.startswith(("c2", "c3")):
            path.unlink()
    return tmp_path


def versions(root: Path) -> list[Path]:
    return sorted((root / "services" / "crm" / "alembic" / "versions").glob("*.py"))


def rollback(root: Path, *words: str) -> Ran:
    return invoke("migrate.rollback", "--service", "crm", "--from-journal", "--format", "json", *words, cwd=root)


def test_what_no_file_has_is_reverted_and_no_file_stays(root: Path, database: Address) -> None:
    there = versions(root)
    assert len(there) == 1
    assert invoke("migrate.status", "--check", cwd=root).code == 6
    planned = rollback(root, "--dry-run")
    assert planned.code == 0, planned.err
    assert planned.json["result"]["not_started"] == ["c3", "c2"]
    assert {"table": "crm_notes", "column": "", "rows": 1, "exact": True} in planned.json["result"]["losses"]
    refused = rollback(root, "--yes")
    assert refused.code == 3
    assert versions(root) == there
    with databases.maintenance(database) as conn:
        markers.mark(conn, database.database, "test")
    ran = rollback(root, "--yes")
    assert ran.code == 0, ran.err
    assert [step["revision"] for step in ran.json["result"]["done"]] == ["c3", "c2"]
    assert versions(root) == there
    assert invoke("migrate.status", "--check", cwd=root).code == 0
    again = rollback(root)
    assert (again.code, again.json["result"]["done"]) == (0, [])


def test_without_a_source_nothing_is_done(root: Path, database: Address) -> None:
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute("UPDATE aegisdb.journal SET source = NULL WHERE revision = 'c2'")
    ran = rollback(root, "--dry-run")
    assert ran.code == 6
    assert "has no source of c2" in ran.err
    assert len(versions(root)) == 1


def test_a_file_in_the_way_is_kept(root: Path) -> None:
    (file,) = [path.with_name("c2.py") for path in versions(root)]
    file.write_text('revision, down_revision = "other", "c1"\n')
    assert rollback(root, "--dry-run").code == 6
    assert file.read_text() == 'revision, down_revision = "other", "c1"\n'
