"""The version table is changed by the statement that ends a step, wherever that gives what Alembic's own would give."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisdb.applied.version_tables import read_versions
from aegisdb.errors import AegisError, Busy
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import Connection, connect
from aegisdb.registry import load
from aegisdb.revisions.load import read_history
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import StepOptions
from aegisdb.runtime.worker.statements import literal
from aegisdb.runtime.worker.version_rows import Move, after
from tests.monorepo import SYNC, Rev, Svc, build_monorepo
from tests.postgres_server import TestServer

pytestmark = pytest.mark.usefixtures("either_worker")

TREE = (
    Rev(id="root"),
    Rev(id="left", parent="root"),
    Rev(id="right", parent="root"),
    Rev(id="merged", parent=("left", "right")),
    Rev(id="top", parent="merged"),
)
UP_AND_DOWN: tuple[tuple[str, str, set[str]], ...] = (
    ("upgrade_one", "root", {"root"}),
    ("upgrade_one", "left", {"left"}),
    ("upgrade_one", "right", {"left", "right"}),
    ("upgrade_one", "merged", {"merged"}),
    ("upgrade_one", "top", {"top"}),
    ("downgrade_one", "top", {"merged"}),
    ("downgrade_one", "merged", {"left", "right"}),
    ("downgrade_one", "right", {"left"}),
    ("downgrade_one", "left", {"root"}),
    ("downgrade_one", "root", set()),
)
OVERHEARD = SYNC.replace(
    'version_table="{version_table}"\n    )',
    'version_table="{version_table}", on_version_apply=overhear\n    )',
    1,
).replace(
    "def migrate(connection):",
    "def overhear(ctx, **_):\n"
    '    found = ctx.connection.exec_driver_sql("SELECT version_num FROM {version_table}").scalar()\n'
    "    ctx.connection.exec_driver_sql(\"INSERT INTO app_overheard VALUES ('%s')\" % found)\n\n\n"
    "def migrate(connection):",
)


def opened(root: Path, database: Address, *revisions: Rev, env: str = "sync", journal: bool = True) -> Session:
    build_monorepo(root, {"app": Svc(revisions=revisions, env=env)}, url=database.url())
    registry = load(root / "services.yaml", {})
    with connect(database) as conn:
        if journal:
            from aegisdb.postgres.side_schema import ensure

            ensure(conn)
        return Session(registry, read_history(registry, "app"), database, conn.identity(), StepOptions(journal=journal))


def stands(conn: Connection, worker: Session) -> set[str]:
    return set(read_versions(conn, [worker.history])["app"])


@pytest.mark.parametrize("env", ["sync", "async", "outer"])
@pytest.mark.parametrize("journal", [True, False], ids=["journal", "scratch"])
def test_branches_come_and_go(tmp_path: Path, database: Address, env: str, *, journal: bool) -> None:
    with connect(database) as conn, opened(tmp_path, database, *TREE, env=env, journal=journal) as worker:
        for step, revision, expected in UP_AND_DOWN:
            getattr(worker, step)(revision)
            assert stands(conn, worker) == expected


def test_env_py_that_wants_to_be_told_finds_the_version_table_changed(tmp_path: Path, database: Address) -> None:
    made = Rev(id="r1", up='op.execute("CREATE TABLE app_overheard (revision text)")')
    with connect(database) as conn, opened(tmp_path, database, made, Rev(id="r2"), env=OVERHEARD) as worker:
        worker.upgrade_one("r1")
        worker.upgrade_one("r2")
        assert conn.rows("SELECT revision FROM app_overheard") == [("r1",), ("r2",)]


def test_a_revision_that_empties_the_version_table_is_not_taken_for_done(
    tmp_path: Path, database: Address, either_worker: str
) -> None:
    said = {"fast": "upgrade left nothing of r1 in", "plain": "expected to match one row"}[either_worker]
    emptied = Rev(id="r2", up='op.execute("DELETE FROM alembic_version_app")')
    with connect(database) as conn, opened(tmp_path, database, Rev(id="r1"), emptied) as worker:
        worker.upgrade_one("r1")
        with pytest.raises(AegisError, match=said):
            worker.upgrade_one("r2")
        assert stands(conn, worker) == {"r1"}


@pytest.mark.parametrize("env", ["sync", "async"])
def test_our_own_statement_waits_for_a_lock_like_any_other(
    tmp_path: Path, database: Address, env: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aegisdb.runtime.handshake.LOCK_TIMEOUT", 100)
    monkeypatch.setattr("aegisdb.runtime.session._PAUSE", 0)
    with connect(database) as holder, opened(tmp_path, database, Rev(id="r1"), env=env) as worker:
        with holder.transaction():
            holder.execute("LOCK TABLE aegisdb.in_flight IN EXCLUSIVE MODE")
            with pytest.raises(Busy, match="lock"):
                worker.upgrade_one("r1")
        worker.upgrade_one("r1")


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_is_itself_as_sql(server: TestServer, text: str) -> None:
    with connect(server.address) as conn:
        for setting in ("on", "off"):
            conn.execute(f"SET standard_conforming_strings = {setting}")
            conn.execute("SET escape_string_warning = off")
            assert conn.value(f"SELECT {literal(text)}") == text


@given(st.sets(st.sampled_from("abc")), st.sampled_from("abc"), st.sampled_from("def"))
def test_moves_are_arithmetic_of_sets(rows: set[str], old: str, new: str) -> None:
    assert set(after(rows, [Move("", new)])) == rows | {new}
    assert set(after(rows, [Move(old, "")])) == rows - {old}
    assert set(after(rows, [Move(old, new)])) == rows - {old} | {new}
