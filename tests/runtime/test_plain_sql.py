"""What `op.execute` is given reaches the server as SQLAlchemy would have sent it, and whoever listens hears of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import psycopg

from aegisdb.errors import RevisionFailed
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.runtime.worker.fast.plain_sql import _MEANS_MORE
from tests.monorepo import SYNC, Rev
from tests.runtime.test_version_rows import opened

LISTENING = SYNC.replace(
    "    with engine.connect()",
    '    from sqlalchemy import event\n\n    heard = open("heard.txt", "a")\n'
    '    event.listen(engine, "before_execute", lambda conn, clause, *_: print(clause, file=heard, flush=True))\n'
    "    with engine.connect()",
    1,
)

BESIDE_OURS = """
import sys
from sqlalchemy import event
listening, bind = sys.modules["_aegisdb_worker.fast.listening"], op.get_bind()
said = [bool(bind._has_events), listening.others_listen(bind)]
event.listen(bind, "before_execute", lambda conn, clause, *_: said.append(str(clause)))
said.append(listening.others_listen(bind))
op.execute("CREATE TABLE app_heard (id int)")
op.execute("CREATE TABLE app_said AS SELECT '%s %s %s %s' AS what" % (*said[:3], "app_heard" in said[3]))
"""


@given(st.text(st.characters(exclude_characters="\0:%\\", exclude_categories=["Cs"])))
def test_compiling_such_a_text_gives_it_back(sql: str) -> None:
    assert not _MEANS_MORE.search(sql)
    assert str(text(sql).compile(dialect=psycopg.dialect())) == sql  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("sql", "said"),
    [("SELECT 'plain'", "plain"), ("SELECT '5%'", "5%"), (r"SELECT '12\\:30'", "12:30"), ("SELECT '%%'", "%%")],
)
def test_whatever_a_text_has_in_it_the_database_gets_what_alembic_sends(
    tmp_path: Path, database: Address, sql: str, said: str
) -> None:
    revision = Rev(id="r1", up=f'op.execute("CREATE TABLE app_said AS {sql} AS what")')
    with connect(database) as conn, opened(tmp_path, database, revision) as worker:
        worker.upgrade_one("r1")
        assert conn.rows("SELECT what FROM app_said") == [(said,)]


def test_who_listens_to_executions_hears_of_a_plain_text(tmp_path: Path, database: Address) -> None:
    revision = Rev(id="r1", up='op.execute("CREATE TABLE app_heard (id int)")')
    with opened(tmp_path, database, revision, env=LISTENING) as worker:
        worker.upgrade_one("r1")
    assert "CREATE TABLE app_heard (id int)" in (tmp_path / "services" / "app" / "heard.txt").read_text()


def test_a_copy_is_listened_to_by_us_and_takes_the_plain_way_until_a_revision_listens(
    tmp_path: Path, database: Address
) -> None:
    with connect(database) as conn, opened(tmp_path, database, Rev(id="r1", up=BESIDE_OURS)) as worker:
        worker.upgrade_one("r1")
        assert conn.rows("SELECT what FROM app_said") == [("True False True True",)]


def test_a_plain_worker_takes_none_of_the_ways_past_sqlalchemy_and_psycopg(
    tmp_path: Path, database: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = (
        'import sys; fast = sys.modules["_aegisdb_worker.fast"]; libpq = sys.modules["_aegisdb_worker.fast.libpq"]; '
        "c = op.get_context(); op.execute(\"CREATE TABLE app_ways AS SELECT '%s %s %s' AS what\" % "
        '(libpq.serves(c.connection), "execute" in vars(c.impl), "get_current_heads" in vars(c)))'
    )
    for number, (switch, said) in enumerate((("", "True True True"), ("1", "False False False"))):
        monkeypatch.setenv("AEGIS_PLAIN_WORKER", switch)
        revision = Rev(id="r1", up=ways, down='op.execute("DROP TABLE app_ways")')
        with connect(database) as conn, opened(tmp_path / str(number), database, revision) as worker:
            worker.upgrade_one("r1")
            assert conn.rows("SELECT what FROM app_ways") == [(said,)]
            worker.downgrade_one("r1")


CAUGHT = """
import sqlalchemy as sa
op.execute("SAVEPOINT mine")
try:
    op.execute("INSERT INTO app_missing VALUES (1)")
except sa.exc.ProgrammingError as error:
    said = type(error.orig).__name__ + " " + error.statement
op.execute("ROLLBACK TO SAVEPOINT mine")
op.execute("CREATE TABLE app_caught AS SELECT '%s' AS what" % said)
"""
NESTED = """
op.execute("CREATE TABLE app_nested (id int PRIMARY KEY)")
for _ in range(2):
    try:
        with op.get_bind().begin_nested():
            op.execute("INSERT INTO app_nested VALUES (1)")
    except Exception as error:
        op.execute(f"COMMENT ON TABLE app_nested IS '{type(error).__name__}'")
"""
PREPARED = """
import sqlalchemy as sa
table = sa.table("app_prepared", sa.column("id", sa.Integer))
for word in ("DEALLOCATE ALL", "DROP TABLE app_prepared"):
    op.execute("CREATE TABLE IF NOT EXISTS app_prepared (id int)")
    for number in range(8):
        op.get_bind().execute(table.insert(), {"id": number})
    op.execute(word)
op.execute("CREATE TABLE app_prepared (id bigint)")
op.get_bind().execute(table.insert(), {"id": 8})
"""


@pytest.mark.usefixtures("either_worker")
def test_a_text_that_fails_raises_what_sqlalchemy_would_raise(tmp_path: Path, database: Address) -> None:
    with connect(database) as conn, opened(tmp_path, database, Rev(id="r1", up=CAUGHT)) as worker:
        worker.upgrade_one("r1")
        assert conn.rows("SELECT what FROM app_caught") == [("UndefinedTable INSERT INTO app_missing VALUES (1)",)]


@pytest.mark.usefixtures("either_worker")
def test_a_savepoint_of_the_revision_takes_back_a_text_that_fails(tmp_path: Path, database: Address) -> None:
    with connect(database) as conn, opened(tmp_path, database, Rev(id="r1", up=NESTED)) as worker:
        worker.upgrade_one("r1")
        assert conn.rows("SELECT id, obj_description('app_nested'::regclass) FROM app_nested") == [
            (1, "IntegrityError")
        ]


@pytest.mark.usefixtures("either_worker")
def test_psycopg_forgets_what_it_prepared_when_a_text_takes_it_away(tmp_path: Path, database: Address) -> None:
    with connect(database) as conn, opened(tmp_path, database, Rev(id="r1", up=PREPARED)) as worker:
        worker.upgrade_one("r1")
        assert conn.rows("SELECT id FROM app_prepared") == [(8,)]


@pytest.mark.usefixtures("either_worker")
def test_copy_that_waits_for_rows_is_refused(tmp_path: Path, database: Address) -> None:
    revision = Rev(id="r1", up='op.execute("CREATE TABLE app_copied (id int); COPY app_copied FROM STDIN")')
    with connect(database) as conn, opened(tmp_path, database, revision) as worker:
        with pytest.raises(RevisionFailed):
            worker.upgrade_one("r1")
        assert conn.value("SELECT to_regclass('app_copied')") is None


def test_who_sends_statements_in_the_place_of_the_driver_gets_them(tmp_path: Path, database: Address) -> None:
    sending = LISTENING.replace(
        'engine, "before_execute", lambda conn, clause, *_', 'engine, "do_execute", lambda cursor, clause, *_'
    )
    assert sending != LISTENING
    revision = Rev(id="r1", up='op.execute("CREATE TABLE app_heard (id int)")')
    with opened(tmp_path, database, revision, env=sending) as worker:
        worker.upgrade_one("r1")
    assert "CREATE TABLE app_heard (id int)" in (tmp_path / "services" / "app" / "heard.txt").read_text()
