"""What `op.execute` is given reaches the server as SQLAlchemy would have sent it, and whoever listens hears of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import psycopg

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
