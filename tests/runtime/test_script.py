"""Scripts: psql makes of them what the upgrade makes, to the letter, or the revision is refused and named."""

# ruff: noqa: E501  revisions as they are written

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from aegisdb.errors import Failed
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.postgres.psql import binary
from aegisdb.runtime.session import Session
from tests.monorepo import Rev, write
from tests.postgres_server import BIN, PASSWORD
from tests.runtime.test_session import prepare, session

MAKE = """
op.execute('CREATE TYPE app_mood AS ENUM (\\'ok\\', \\'bad\\')')
op.execute('''CREATE TABLE app_t (id serial PRIMARY KEY, name text, n numeric, at timestamptz, day date, uid uuid, raw bytea,
    doc jsonb, plain json, tags text[], yes boolean, mood app_mood, span interval)''')
op.execute("INSERT INTO app_t (name) VALUES ('first')")
"""
HEAD = """
import datetime, decimal, json, uuid
from sqlalchemy.dialects import postgresql as pg
when = datetime.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc)
t = sa.table("app_t", sa.column("id", sa.Integer), sa.column("name", sa.Text), sa.column("n", sa.Numeric),
    sa.column("at", sa.DateTime(timezone=True)), sa.column("day", sa.Date), sa.column("uid", sa.Uuid),
    sa.column("raw", sa.LargeBinary), sa.column("doc", pg.JSONB), sa.column("plain", sa.JSON),
    sa.column("tags", pg.ARRAY(sa.Text)), sa.column("yes", sa.Boolean),
    sa.column("mood", sa.Enum("ok", "bad", name="app_mood")))
full = sa.Table("app_t", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, default="by default", onupdate=lambda: "by update"), sa.Column("n", sa.Numeric))
"""
SAME = {
    "text": 'op.get_bind().execute(sa.text("UPDATE app_t SET name = :who"), {"who": "nobody"})',
    "quote": """op.get_bind().execute(sa.text("UPDATE app_t SET name = :who"), {"who": "it's 5% \\\\ a\\ttab"})""",
    "number": 'op.get_bind().execute(sa.text("UPDATE app_t SET n = :n, yes = :y"), {"n": decimal.Decimal("1.50"), "y": True})',
    "time": 'op.get_bind().execute(sa.text("UPDATE app_t SET at = :at, day = :day"), {"at": when, "day": when.date()})',
    "uuid": 'op.get_bind().execute(sa.text("UPDATE app_t SET uid = :u"), {"u": uuid.UUID(int=7)})',
    "null": 'op.get_bind().execute(sa.text("UPDATE app_t SET name = :who"), {"who": None})',
    "cast": 'op.get_bind().execute(sa.text("UPDATE app_t SET n = CAST(:n AS text)::numeric"), {"n": "7"})',
    "several": 'op.get_bind().execute(sa.text("INSERT INTO app_t (name) VALUES (:a)"), [{"a": "x"}, {"a": "y"}])',
    "in": 'op.get_bind().execute(sa.text("UPDATE app_t SET n = 3 WHERE id IN :i").bindparams('
    'sa.bindparam("i", expanding=True)), {"i": [1, 2]})',
    "bindparams": 'op.execute(sa.text("UPDATE app_t SET name = :who").bindparams(who="x"))',
    "update": 'op.get_bind().execute(sa.update(t).where(t.c.name == sa.bindparam("was")), {"was": "first", "name": "x"})',
    "values": 'op.execute(t.update().where(t.c.name == "first").values(name="a\\tb", raw=b"\\x00\\xff", yes=False))',
    "insert": 'op.get_bind().execute(t.insert(), [{"name": "x", "doc": {"a": ["it\'s"]}, "uid": uuid.UUID(int=1)}])',
    "bulk": 'op.bulk_insert(t, [{"name": "x", "doc": {"a": 1}, "plain": [1], "tags": ["a", "b\'c"], "raw": b"r", "mood": "ok"},'
    ' {"name": None, "doc": None, "plain": None, "tags": [], "raw": None, "mood": None}])',
    "defaults": 'op.get_bind().execute(full.insert(), {"n": 4})',
    "only defaults": "op.get_bind().execute(full.insert())",
    "onupdate": "op.get_bind().execute(full.update().values(n=2))",
    "tab in a text": 'op.execute("UPDATE app_t SET name = \'a\\tb\'")',
    "comment": 'op.execute("UPDATE app_t SET n = 1 -- so it is")\nop.execute("UPDATE app_t SET name = \'z\'")',
    "escaped": r"""op.execute("UPDATE app_t SET name = 'at 12\\:30', n = '4'::int")""",
    "driver": 'op.get_bind().exec_driver_sql("UPDATE app_t SET name = \'50%% :x\'")',
    "backslash": r"""op.execute(t.update().values(name="C:\\dir"))""",
    "own type": 'op.get_bind().execute(sa.text("UPDATE app_t SET doc = :d").bindparams(sa.bindparam("d", type_=pg.JSONB)),'
    ' {"d": [1]})',
    "dump": 'op.get_bind().execute(sa.text("UPDATE app_t SET doc = CAST(:d AS jsonb)"), {"d": json.dumps({"k": "v"})})',
    "block": 'with op.get_context().autocommit_block():\n    op.get_bind().execute(sa.text("UPDATE app_t SET name = :a"), {"a": "b"})',
}  # fmt: skip
REFUSED = {
    "nothing given": ('op.get_bind().execute(sa.text("UPDATE app_t SET name = :who"))', "nothing is given for :who"),
    "of another name": (
        'op.get_bind().execute(sa.text("UPDATE app_t SET name = :who"), {"whom": 1})', "nothing is given for :who",
    ),
    "driver": ('op.get_bind().exec_driver_sql("UPDATE app_t SET name = %s", ("x",))', "exec_driver_sql"),
    "object": ('op.get_bind().execute(sa.text("UPDATE app_t SET name = :o"), {"o": object()})', "rendered"),
    "caught": (
        'try:\n    op.get_bind().execute(sa.text("UPDATE app_t SET name = :who"))\nexcept Exception:\n    pass', ":who",
    ),
    "default": ("op.get_bind().execute(sa.insert(odd).values(n=1))", "the default of column name"),
}  # fmt: skip
READS = {
    "inspect": "sa.inspect(op.get_bind()).get_table_names()",
    "engine": 'sa.inspect(op.get_bind().engine).has_table("app_t")',
    "reflect": 'sa.Table("app_t", sa.MetaData(), autoload_with=op.get_bind())',
    "rows": 'op.get_bind().execute(sa.text("SELECT 1")).scalar()',
    "scalar": 'op.get_bind().scalar(sa.text("SELECT 1"))',
    "first row": 'op.get_bind().execute(sa.text("SELECT 1"))[0]',
    "how many": 'len(op.get_bind().execute(sa.text("SELECT 1")))',
    "next": 'next(op.get_bind().execute(sa.text("SELECT 1")))',
    "caught": 'try:\n    there = sa.inspect(op.get_bind()).has_table("app_t")\nexcept Exception:\n    there = False\n'
    'if not there:\n    op.execute("SELECT 1")',
    "caught rows": 'try:\n    op.get_bind().scalar(sa.text("SELECT 1"))\nexcept:\n    pass',
}  # fmt: skip


def rendered(worker: Session) -> str:
    return worker.render_sql((), ("r1", "r2"), "upgrade")


def revisions(up: str) -> tuple[Rev, Rev]:
    odd = 'odd = sa.Table("app_t", sa.MetaData(), sa.Column("name", sa.Text, default=lambda c: c.nope), sa.Column("n"))'
    return Rev(id="r1", up=MAKE), Rev(id="r2", up=up, head=f"{HEAD}\n{odd}")


def run_psql(path: Path, database: Address) -> None:
    argv = [str(binary("psql", BIN)), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(path)]
    address = ["-h", database.host, "-p", str(database.port), "-U", database.user, database.database]
    done = subprocess.run([*argv, *address], env={"PGPASSWORD": PASSWORD}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stderr}\n{path.read_text()}"


def rows(database: Address) -> list[Any]:
    with connect(database) as conn:
        return conn.rows("SELECT t::text FROM app_t t ORDER BY id")


def by_psql(root: Path, database: Address, script: str) -> list[Any]:
    run_psql(write(root / "up.sql", script), database)
    found = rows(database)
    with connect(database) as conn:
        conn.execute("DROP SCHEMA public CASCADE")
        conn.execute("CREATE SCHEMA public")
    return found


@pytest.mark.parametrize("up", SAME.values(), ids=SAME)
def test_values_in_a_script_are_those_of_the_upgrade(tmp_path: Path, database: Address, up: str) -> None:
    registry, identity = prepare(tmp_path, database, revisions=revisions(up))
    with session(registry, database, None) as worker:
        found = by_psql(tmp_path, database, rendered(worker))
    with session(registry, database, identity) as worker:
        worker.upgrade_one("r1")
        worker.upgrade_one("r2")
    assert found == rows(database)


@pytest.mark.parametrize(("up", "said"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_literal_is_refused_by_name(tmp_path: Path, database: Address, up: str, said: str) -> None:
    registry, _ = prepare(tmp_path, database, revisions=revisions(up))
    with session(registry, database, None) as worker, pytest.raises(Failed) as caught:
        rendered(worker)
    assert caught.value.code == "unrendered"
    assert "r2" in caught.value.message
    assert "has values that cannot be rendered" in caught.value.message
    assert said in caught.value.message
    assert caught.value.where.partition(":")[0].endswith("r2.py")


@pytest.mark.parametrize("up", READS.values(), ids=READS)
def test_whatever_looks_into_the_database_is_told_to_read_it(tmp_path: Path, database: Address, up: str) -> None:
    registry, _ = prepare(tmp_path, database, revisions=revisions(up))
    with session(registry, database, None) as worker, pytest.raises(Failed, match="reads the database") as caught:
        rendered(worker)
    assert caught.value.code == "reads_data"
    assert "fix the file" not in caught.value.hint


def test_a_colon_in_a_text_is_no_value(tmp_path: Path, database: Address) -> None:
    """Online SQLAlchemy wants a value for each of them; a script is what its author wrote."""
    up = "op.execute(\"INSERT INTO app_t (name) VALUES ('a :y b'), ($$(w)-[:OPERATES]->(:Operator)$$) -- or :z\")"
    registry, _ = prepare(tmp_path, database, revisions=revisions(up))
    with session(registry, database, None) as worker:
        found = by_psql(tmp_path, database, rendered(worker))
    assert "a :y b" in str(found)
    assert "[:OPERATES]->(:Operator)" in str(found)


def test_what_only_fails_offline_is_not_told_to_be_fixed(tmp_path: Path, database: Address) -> None:
    registry, _ = prepare(tmp_path, database, revisions=revisions('raise KeyError("x")'))
    with session(registry, database, None) as worker, pytest.raises(Failed) as caught:
        rendered(worker)
    assert caught.value.code == "not_rendered"
    assert "cannot be rendered offline" in caught.value.message


def test_nobody_is_told_to_write_into_an_installed_package(tmp_path: Path, database: Address) -> None:
    up, _ = REFUSED["nothing given"]
    registry, _ = prepare(tmp_path / "site-packages", database, revisions=revisions(up))
    with session(registry, database, None) as worker, pytest.raises(Failed) as caught:
        rendered(worker)
    assert caught.value.hint == "run it with invoke migrate.apply --service app"
