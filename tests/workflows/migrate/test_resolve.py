"""A run that dies inside a non-transactional revision: what it committed is named, and either decision goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo, table
from tests.running import eventually, nothing_left, rows, running, versions

GATE = 4711
PASS_GATE = f'op.execute("SELECT pg_advisory_lock({GATE})")'
WAITING = f"SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = {GATE} AND NOT granted"
BLOCK = "with op.get_context().autocommit_block():\n    "
TWO_STEPS = (
    f'{BLOCK}op.execute("CREATE TABLE a_new (id int)")\n    {PASS_GATE}\nop.execute("CREATE TABLE a_late (id int)")'
)


def execute(database: Address, sql: str) -> None:
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute(sql.encode())


@contextmanager
def held(database: Address, *statements: str) -> Iterator[None]:
    """A session that has run these and does nothing any more."""
    with psycopg.connect(database.url(), autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())
        yield


def die_when(root: Path, database: Address, reached: str) -> None:
    """Run `migrate.apply` and kill it with signal 9 when the query finds a row."""
    with running(root, "migrate.apply") as process:
        assert eventually(lambda: bool(rows(database, reached)), 60)
        process.kill()
        process.wait()
        assert eventually(
            lambda: not rows(database, "SELECT FROM pg_stat_activity WHERE application_name LIKE 'aegisdb%'"), 60
        )


def die_at_gate(root: Path, database: Address) -> None:
    """Die where the revision waits for a lock; advisory locks of a scratch database are others."""
    with held(database, f"SELECT pg_advisory_lock({GATE})"):
        die_when(root, database, WAITING)


def project(root: Path, database: Address, up: str, down: str = "pass") -> Path:
    first, last = Rev(id="a1", up=table("a_1", "x int")), Rev(id="a3")
    revisions = (first, Rev(id="a2", up=up, down=down), last)
    return build_monorepo(root, {"a": Svc(revisions=revisions)}, url=database.url())


def test_fault_2_apply_names_what_was_committed_and_a_wrong_decision_is_refused(
    tmp_path: Path, database: Address
) -> None:
    project(tmp_path, database, TWO_STEPS)
    die_at_gate(tmp_path, database)
    stopped = invoke("migrate.apply", cwd=tmp_path)
    assert stopped.code == 5
    assert "a2 is half-applied" in stopped.last
    assert "added table public.a_new" in stopped.last
    assert "invoke migrate.resolve --service a --applied or --rolled-back" in stopped.last
    unfinished = invoke("migrate.resolve", "--service", "a", "--applied", cwd=tmp_path)
    assert unfinished.code == 6
    assert "error[resolve]" in unfinished.last
    assert "removed table public.a_late" in unfinished.err
    still_there = invoke("migrate.resolve", "--service", "a", "--rolled-back", cwd=tmp_path)
    assert still_there.code == 6
    assert "DROP TABLE public.a_new" in still_there.last
    assert versions(database, "a") == ["a1"]
    assert invoke("migrate.status", cwd=tmp_path).code == 5, "a refused decision decides nothing"
    assert nothing_left(database)


def test_what_nobody_owns_is_named_too(tmp_path: Path, database: Address) -> None:
    project(tmp_path, database, TWO_STEPS.replace("a_new", "made_outside").replace("a_late", "made_late"))
    die_at_gate(tmp_path, database)
    stopped = invoke("migrate.apply", cwd=tmp_path)
    assert (stopped.code, "added table public.made_outside" in stopped.last) == (5, True), stopped.err


@pytest.mark.parametrize(
    ("decision", "by_hand", "at", "left"),
    [
        ("--applied", "CREATE TABLE a_late (id int)", "a2", ["a3"]),
        ("--rolled-back", "DROP TABLE a_new", "a1", ["a2", "a3"]),
    ],
)
def test_fault_2_a_true_decision_is_recorded_and_the_run_goes_on(
    tmp_path: Path, database: Address, decision: str, by_hand: str, at: str, left: list[str]
) -> None:
    project(tmp_path, database, TWO_STEPS)
    die_at_gate(tmp_path, database)
    execute(database, by_hand)
    resolved = invoke("migrate.resolve", "--service", "a", decision, cwd=tmp_path)
    assert resolved.code == 0, resolved.err
    assert versions(database, "a") == [at]
    noted = rows(database, "SELECT revision, outcome, note FROM aegisdb.journal WHERE outcome = 'resolved'")
    word = decision.removeprefix("--").replace("-", " ")
    assert noted == [("a2", "resolved", f"a half-applied upgrade was resolved as {word}")]
    done = invoke("migrate.apply", "--format", "json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert [step["revision"] for step in done.json["services"][0]["done"]] == left
    assert invoke("migrate.resolve", "--service", "a", decision, cwd=tmp_path).code == 0, "there is nothing to decide"


def test_a_repeatable_revision_is_run_again_without_a_decision(tmp_path: Path, database: Address) -> None:
    up = f'{BLOCK}op.create_index("a_1_x", "a_1", ["x"], if_not_exists=True, postgresql_concurrently=True)'
    project(tmp_path, database, up)
    path = tmp_path / "services/a/alembic/versions/a2.py"
    path.write_text(path.read_text().replace("\nrevision =", "\nrepeatable = True\nrevision ="))
    with held(database, "BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT 1"):  # it waits for older snapshots
        die_when(tmp_path, database, "SELECT FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting for%'")
    stopped = invoke("migrate.rollback", "--service", "a", cwd=tmp_path)
    assert stopped.code == 5
    assert "it is repeatable: invoke migrate.apply --service a runs it again" in stopped.last
    assert "pending" in invoke("migrate.apply", "--dry-run", cwd=tmp_path).out
    done = invoke("migrate.apply", cwd=tmp_path)
    assert (done.code, versions(database, "a")) == (0, ["a3"]), done.err
    assert "a a2 died half-way and is repeatable: run again; DROP INDEX CONCURRENTLY public.a_1_x" in done.out
    # IF NOT EXISTS alone would have taken the INVALID one for the index
    assert rows(database, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_1_x'::regclass") == [(True,)]
    noted = rows(database, "SELECT revision, note FROM aegisdb.journal WHERE outcome = 'resolved'")
    assert noted == [("a2", "a half-applied upgrade was resolved as to be run again")]


@pytest.mark.parametrize("decision", ["--applied", "--rolled-back"])
def test_fault_3_an_invalid_index_is_rebuilt_or_dropped(tmp_path: Path, database: Address, decision: str) -> None:
    up = f'{BLOCK}op.create_index("a_1_x", "a_1", ["x"], postgresql_concurrently=True)'
    project(tmp_path, database, up)
    with held(database, "BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT 1"):  # it waits for older snapshots
        die_when(tmp_path, database, "SELECT FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting for%'")
    assert rows(database, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_1_x'::regclass") == [(False,)]
    assert invoke("migrate.apply", cwd=tmp_path).code == 5
    resolved = invoke("migrate.resolve", "--service", "a", decision, cwd=tmp_path)
    assert resolved.code == 0, resolved.err
    valid = rows(database, "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('a_1_x')")
    if decision == "--applied":
        assert "REINDEX INDEX CONCURRENTLY public.a_1_x" in resolved.out
        assert valid == [(True,)]
    else:
        assert "DROP INDEX CONCURRENTLY public.a_1_x" in resolved.out
        assert valid == []
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    assert rows(database, "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('a_1_x')") == [(True,)]
    assert nothing_left(database)
