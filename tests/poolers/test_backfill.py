"""A backfill of plain Alembic through a pooler that gives its server sessions to others between two transactions."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.backfills.project import alembic, fill, project
from tests.poolers.application import application
from tests.poolers.conftest import rows

SETTINGS = ("enable_seqscan", "lock_timeout", "synchronous_commit", "DateStyle", "extra_float_digits", "bytea_output")


@pytest.mark.parametrize("up", ["", 'aegisdb.backfill("a_1", set="y = 1 / (x - 50)", where="y IS NULL", share=1.0)'])
def test_it_leaves_no_setting_in_a_session_that_others_get(
    tmp_path: Path, database: Address, shared: Address, up: str
) -> None:
    pooler = shared.with_database(database.database)
    project(tmp_path, pooler, up)
    assert alembic(tmp_path, pooler, "upgrade", "a1").returncode == 0
    fill(database, 20_000)
    with application(pooler):
        done = alembic(tmp_path, pooler, "upgrade", "head")
    assert (done.returncode, "id = 50 cannot be changed" in done.stderr) == ((1, True) if up else (0, False)), (
        done.stderr
    )
    assert rows(database, "SELECT count(y) FROM a_1") == [(49 if up else 20_000,)]
    shown = "SELECT " + ", ".join(f"current_setting('{name}')" for name in SETTINGS)
    usual = rows(database, shown)[0]
    with ExitStack() as stack:
        held = [stack.enter_context(psycopg.connect(pooler.url(), prepare_threshold=None)) for _ in range(4)]
        seen = {
            conn.execute(f"{shown}, pg_backend_pid()".encode()).fetchone() for conn in held
        }  # each in a transaction
    assert {row[:-1] for row in seen if row} == {usual}
