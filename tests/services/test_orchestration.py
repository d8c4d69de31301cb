"""orchestration-engine: its seeds, and the arithmetic that stands both in Python and in the database."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from alembic import command
from psycopg import sql

from aegisdb.postgres.address import Address
from orchestration.progress import checklist_progress
from tests.services.alembic_cli import config_of, python_m
from tests.services.conftest import SEEDS, run_seed

SERVICE = "orchestration-engine"


@pytest.mark.aegis_seeds
def test_seeds_fill_and_a_second_run_changes_no_row(at_head: Address) -> None:
    first = _rows(at_head)
    assert [name for name, rows in first.items() if not rows] == []
    lines = [run_seed(at_head, seed) for seed in SEEDS]
    assert all(line.startswith(f"{seed}: ") for seed, line in zip(SEEDS, lines, strict=True))
    assert all(line.endswith(", 0 rows written\n") for line in lines)
    assert _rows(at_head) == first


@pytest.mark.aegis_seeds
def test_a_seed_corrects_what_was_changed_by_hand(at_head: Address) -> None:
    with psycopg.connect(at_head.url(), autocommit=True) as conn:
        conn.execute("UPDATE rule_versions SET title = 'wrong' WHERE rule_code = 'SWR-37'")
        conn.execute("DELETE FROM rule_versions WHERE rule_code = 'SWR-38'")
    assert "2 rows written" in run_seed(at_head, "seed_rules")


@pytest.mark.aegis_seeds
def test_demo_data_leaves_what_people_did_alone(at_head: Address) -> None:
    status = "SELECT status FROM filing_checklists WHERE filing_reference = 'LLE-2026-0117'"
    with psycopg.connect(at_head.url(), autocommit=True) as conn:
        conn.execute("UPDATE filing_checklists SET status = 'ready' WHERE filing_reference = 'LLE-2026-0117'")
        run_seed(at_head, "seed_demo_data")
        assert conn.execute(status.encode()).fetchone() == ("ready",)


def test_a_seed_that_fails_writes_nothing_and_exits_with_an_error(at_head: Address) -> None:
    with psycopg.connect(at_head.url(), autocommit=True) as conn:
        conn.execute("ALTER TABLE skills ADD CONSTRAINT no_skills CHECK (false)")
        done = python_m(SERVICE, at_head, "orchestration.seed_skills")
        assert done.returncode == 1
        assert "no_skills" in done.stderr
        assert at_head.password.reveal() not in done.stdout + done.stderr
        assert conn.execute("SELECT count(*) FROM agents").fetchone() == (0,)


def test_the_database_counts_progress_as_python_does(at_head: Address) -> None:
    cases: list[list[dict[str, Any]]] = [
        [],
        [{"required": False, "done": True}],
        [{"required": True, "done": n == 0} for n in range(3)],
        [{"required": True, "done": True}, {"required": True, "done": None}, {"done": True}],
        [{"required": True, "done": n < 29} for n in range(29)],
    ]
    with psycopg.connect(at_head.url(), autocommit=True) as conn:
        counted = [
            conn.execute("SELECT checklist_progress(%s::jsonb)", (json.dumps(case),)).fetchone() for case in cases
        ]
    assert counted == [(checklist_progress(case),) for case in cases]


@pytest.mark.aegis_seeds
def test_the_progress_column_follows_the_items_and_the_backfill_repairs_it(at_head: Address) -> None:
    before = _progress(at_head)
    assert before["LLE-2026-0101"] == 100
    command.downgrade(config_of(SERVICE, at_head), "9a3d5ce7f410")
    assert set(_progress(at_head).values()) == {0}
    command.upgrade(config_of(SERVICE, at_head), "head")
    assert _progress(at_head) == before


FILLED = {
    "users",
    "agents",
    "skills",
    "approvals",
    "rule_versions",
    "checklist_templates",
    "filing_checklists",
    "compliance_status",
    "filing_rule_snapshots",
    "workflow_runs",
    "workflow_steps",
}


def _rows(address: Address) -> dict[str, list[str]]:
    with psycopg.connect(address.url()) as conn:
        return {name: sorted(map(str, conn.execute(_all_of(name)))) for name in FILLED}


def _all_of(table: str) -> sql.Composed:
    return sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))


def _progress(address: Address) -> dict[str, int]:
    with psycopg.connect(address.url()) as conn:
        return dict(conn.execute("SELECT filing_reference, progress_percent FROM filing_checklists").fetchall())
