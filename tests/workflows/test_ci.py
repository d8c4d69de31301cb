"""`ci` and `db.prepare` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.lint.repository import commit
from tests.monorepo import Rev, write_revision
from tests.postgres_server import PASSWORD
from tests.workflows.project import Project

pytestmark = pytest.mark.timeout(900)
_PATIENCE = 400  # seconds: on a loaded machine a run of all stages takes long
STAGES = ["lint", "heads", "roundtrip", "compat", "verify", "seed.prove", "deploy.prove"]


@pytest.fixture
def shop(unmade_shop: Project) -> Project:
    """A project under git whose database does not exist yet."""
    commit(unmade_shop.root)
    return unmade_shop


def rows(shop: Project) -> list[str]:
    """States of the stages, by the JUnit file."""
    root = ET.fromstring((shop.root / ".aegisdb" / "ci" / "junit.xml").read_text())  # noqa: S314  our own text
    return [f"{suite.get('name')} {suite.get('failures')}" for suite in root]


def test_prepare_makes_then_migrates_then_does_nothing(shop: Project) -> None:
    made = shop.invoke("db.prepare", "--format", "json", timeout=_PATIENCE)
    assert made.code == 0, made.err
    assert made.json["result"]["did"] == "made"
    shop.write("kept")
    home = shop.root / "services" / "shop"
    down = 'op.execute("ALTER TABLE shop_items DROP COLUMN IF EXISTS colour")'
    up = 'op.execute("ALTER TABLE shop_items ADD COLUMN IF NOT EXISTS colour text")'
    write_revision(home, Rev(id="a3", message="add colour to items", up=up, down=down), "a2")
    migrated = shop.invoke("db.prepare", "--format", "json", timeout=_PATIENCE).json["result"]
    assert (migrated["did"], migrated["revisions"], migrated["seeds"]) == ("migrated", ["shop a3"], [])
    assert shop.invoke("db.prepare", "--format", "json", timeout=_PATIENCE).json["result"]["did"] == "nothing"
    assert shop.text() == "kept"


def test_every_stage_runs_although_the_database_is_missing(shop: Project) -> None:
    ran = shop.invoke("ci", timeout=_PATIENCE)
    assert ran.code == 7, ran.out + ran.err
    assert [row.split()[0] for row in rows(shop)] == STAGES
    assert rows(shop)[:2] == ["lint 0", "heads 0"]
    assert "verify 1" in rows(shop)


def test_a_bad_revision_fails_its_stages_and_no_other(shop: Project, tmp_path: Path) -> None:
    assert shop.invoke("db.prepare", timeout=_PATIENCE).code == 0
    home = shop.root / "services" / "shop"
    up = f"op.execute('CREATE TABLE shop_left (id int)')\nURL = 'postgresql://app:{PASSWORD}@db/x'"
    write_revision(home, Rev(id="a3", message="add left to the shop", up=up), "a2")
    summary = tmp_path / "step_summary.md"
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    ran = shop.invoke("ci", "--output", "reports", env=env, timeout=_PATIENCE)
    assert ran.code == 6, ran.out + ran.err
    reports = {path.name: path.read_text() for path in (shop.root / "reports").iterdir()}
    assert sorted(reports) == ["aegisdb.sarif", "junit.xml", "summary.md"]
    suites = {suite.get("name"): suite.get("failures") for suite in ET.fromstring(reports["junit.xml"])}  # noqa: S314  our own text
    assert list(suites) == STAGES
    assert {name for name, failures in suites.items() if failures != "0"} == {
        "lint",
        "roundtrip",
        "verify",
        "seed.prove",
    }
    rules = {result["ruleId"] for result in json.loads(reports["aegisdb.sarif"])["runs"][0]["results"]}
    assert {"missing-downgrade", "unguarded-sql", "secret", "roundtrip", "pending"} <= rules
    assert summary.read_text() == reports["summary.md"]
    assert "::error file=services/shop/alembic/versions/a3.py,line=" in ran.out
    assert PASSWORD not in "".join(reports.values())


def test_a_clean_run(shop: Project) -> None:
    home = shop.root / "services" / "shop"
    (home / "seed.sql").write_text("INSERT INTO shop_items VALUES (1, 10) ON CONFLICT (id) DO NOTHING;\n")
    columns = "id = sa.Column(sa.BigInteger, primary_key=True, autoincrement=False)\n    price = sa.Column(sa.Integer)"
    with (home / "models.py").open("a") as models:
        models.write(f'class Item(Base):\n    __tablename__ = "shop_items"\n    {columns}\n')
    assert shop.invoke("db.prepare", timeout=_PATIENCE).code == 0
    ran = shop.invoke("ci", timeout=_PATIENCE)
    assert ran.code == 0, ran.out + ran.err
    assert rows(shop) == [f"{name} 0" for name in STAGES]
    assert shop.orphans() == ()
