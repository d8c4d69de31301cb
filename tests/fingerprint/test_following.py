"""A quick reading is the full one after every statement, whatever it was, and after what undoes it."""

# ruff: noqa: S608
# all SQL here is ours
from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from itertools import cycle

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aegisdb.errors import StatementFailed
from aegisdb.fingerprint import Fingerprint, dependencies, diff, read
from aegisdb.fingerprint.following import Follower, QuickReadingWrong
from aegisdb.fingerprint.quick_reader import EVER, QuickReader
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from tests.fingerprint.corpus import FAMILIES, Case
from tests.fingerprint.test_differential import ROLE, _prepare
from tests.fingerprint.test_generated import statement
from tests.postgres_server import TestServer

_TABLES = """
SELECT format('DROP TABLE IF EXISTS %s CASCADE', c.oid::regclass) FROM pg_class c
WHERE c.relnamespace = 'c{}'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""


def wrong(quick: Fingerprint, full: Fingerprint) -> list[str]:
    """What the quick one says otherwise."""
    if quick.facts == full.facts:
        return sorted(map(str, quick.relations.items() ^ full.relations.items()))
    return [str(change) for change in diff(full, quick)]


def differences(address: Address, family: str, cases: Iterable[Case]) -> list[str]:
    """Set up all cases, run them, drop their tables: where a quick reading is another than the full one."""
    found: list[str] = []
    with connect(address) as conn, connect(address) as reader:
        major = conn.identity().server_version // 10000
        wanted = [*enumerate(case for case in cases if case.since <= major < case.before)]
        conn.execute(ROLE)
        for number, _ in wanted:
            conn.execute(f"CREATE SCHEMA c{number}")
        follower = Follower(reader)
        follower.read()
        either = cycle((False, True, True, False, False))

        def look(after: str) -> None:
            # a reading can start from the last one or from the one before, whether anything was undone or not
            quick = follower.read(undone=next(either))
            found.extend(f"{after}: {each}" for each in wrong(quick, read(reader)))

        for number, case in wanted:
            _prepare(conn, number, case.setup, family)
            look(f"before {case.sql}")
        for number, case in wanted:
            _prepare(conn, number, case.sql, family)
            look(case.sql)
        for number, case in wanted:
            for (drop,) in conn.rows(_TABLES.format(number)):
                conn.execute(drop)
            look(f"tables dropped of {case.sql}")
        for (name,) in conn.rows("SELECT subname FROM pg_subscription"):
            conn.execute(f"DROP SUBSCRIPTION {name}")  # it would keep the database from being dropped
        assert follower.quick > len(wanted), "most changes are read quickly"
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_a_quick_reading_is_the_full_one(database: Address, family: str) -> None:
    assert differences(database, family, FAMILIES[family]) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_a_quick_reading_is_the_full_one_on_postgresql_15(older: TestServer, family: str) -> None:
    with connect(older.address) as conn:
        conn.execute(f"CREATE DATABASE followed_{family}")
    assert differences(older.address.with_database(f"followed_{family}"), family, FAMILIES[family]) == []


@st.composite
def more(draw: st.DrawFn) -> str:
    """Changes of what others name, and what undoes a change."""
    table, other = draw(st.permutations(["one", "two", '"Three"']))[:2]
    return draw(
        st.sampled_from([
            f"CREATE VIEW v AS SELECT * FROM {table}",
            f"CREATE VIEW w AS SELECT x.*, y.id AS i FROM {table} x JOIN {other} y USING (id)",
            f"ALTER TABLE {table} RENAME TO {other}",
            f"ALTER TABLE {table} RENAME id TO key",
            f"ALTER TABLE {table} RENAME renamed TO a",
            f"CREATE FUNCTION f({table}) RETURNS int LANGUAGE sql RETURN 1",
            f"CREATE FUNCTION g() RETURNS SETOF {table} LANGUAGE sql BEGIN ATOMIC SELECT * FROM {table}; END",
            "CREATE VIEW u AS SELECT * FROM g() AS g",
            f"CREATE POLICY p ON {table} USING (EXISTS (SELECT FROM {other} o WHERE o.id = 1))",
            "ALTER FUNCTION f RENAME TO ff",
            f"ALTER TABLE {table} ADD m mood DEFAULT 'fine'",
            f"CREATE DOMAIN d AS {table}[]",
            "ALTER DOMAIN d SET DEFAULT '{}'",
            "CREATE TYPE mood AS ENUM ('fine')",
            "ALTER TYPE mood RENAME TO temper",
            "ALTER TYPE mood RENAME VALUE 'fine' TO 'good'",
            "ALTER TYPE mood ADD VALUE 'bad'",
            "DROP TYPE mood CASCADE",
            "DROP VIEW v CASCADE",
            f"ALTER TABLE {table} INHERIT {other}",
            f"COMMENT ON TABLE {table} IS 'x'",
            f"COMMENT ON TABLE {table} IS NULL",
            f"CREATE SEQUENCE s OWNED BY {table}.id",
            "ALTER SEQUENCE s OWNED BY NONE",
            f"GRANT SELECT ON {table} TO PUBLIC",
            f"ALTER TABLE {table} SET SCHEMA elsewhere",
            "VACUUM FULL pg_class",
            "VACUUM FREEZE",
        ])
    )  # fmt: skip


@settings(
    max_examples=25,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(changes=st.lists(st.tuples(st.one_of(statement(), more()), st.booleans()), min_size=8, max_size=25))
def test_a_quick_reading_is_the_full_one_about_anything(database: Address, changes: list[tuple[str, bool]]) -> None:
    with connect(database) as conn, connect(database) as reader:
        conn.execute("DROP SCHEMA IF EXISTS elsewhere CASCADE; CREATE SCHEMA elsewhere")
        conn.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        follower = Follower(reader)
        for table in ("one", "two"):
            conn.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, a int, b text)")
        follower.read()
        for change, undone in changes:
            try:
                conn.execute(change)
            except StatementFailed:
                continue
            assert wrong(follower.read(undone=undone), read(reader)) == [], change


@pytest.mark.parametrize(
    "named",
    [
        "CREATE TABLE d (names regclass[] DEFAULT '{t}')",
        "CREATE VIEW v AS SELECT 1 AS one WHERE 't'::regclass = ANY ('{t}'::regclass[])",
        "CREATE TYPE pair AS (a regclass, b int); CREATE TABLE d (p pair DEFAULT '(t,1)')",
        "CREATE DOMAIN relation AS regclass; CREATE TABLE d (names relation DEFAULT 't')",
    ],
)
def test_names_in_constants_without_a_dependency_are_read_again(database: Address, named: str) -> None:
    with connect(database) as conn, connect(database) as reader:
        conn.execute("CREATE TABLE t (id int)")
        before = Follower(reader)
        before.read()
        conn.execute(named)
        after = Follower(reader)
        for follower in (before, after):
            assert wrong(follower.read(), read(reader)) == []
        conn.execute("ALTER TABLE t RENAME TO renamed")
        for follower in (before, after):
            assert wrong(follower.read(), read(reader)) == []


def test_what_a_subtransaction_wrote_counts_and_what_was_rolled_back_does_not(database: Address) -> None:
    with connect(database) as conn, connect(database) as reader:
        follower = Follower(reader)
        conn.execute("CREATE TABLE t (id int)")
        follower.read()
        for step in ("BEGIN", "SAVEPOINT a", "ALTER TABLE t ADD x int", "RELEASE a", "SAVEPOINT b"):
            conn.execute(step)
        conn.execute("ALTER TABLE t ADD y int")
        assert "column public.t.x" not in follower.read().facts, "it has not been committed yet"
        for step in ("ROLLBACK TO b", "COMMIT"):
            conn.execute(step)
        found = follower.read()
        assert "column public.t.x" in found.facts
        assert "column public.t.y" not in found.facts
        assert follower.quick == 2
        assert wrong(found, read(reader)) == []


def test_who_works_in_another_database_does_not_hold_up_what_counts_as_new(database: Address) -> None:
    def since(last: str) -> tuple[str, list[list[int]]]:
        with QuickReader(reader, set()) as looking:
            _, rows = looking.rows(["relations"], last)["relations"]
            return looking.since, [row for row in rows if row[0] >= 16384]

    with connect(database) as conn, connect(database) as reader, connect(database.with_database("postgres")) as other:
        other.execute("BEGIN")
        elsewhere = int(other.value("SELECT pg_current_xact_id()::text"))
        conn.execute("CREATE TABLE t (id int)")
        for step in ("BEGIN", "SAVEPOINT a", "CREATE TABLE u (id int)"):
            conn.execute(step)
        here = int(conn.value("SELECT pg_current_xact_id()::text"))
        first, rows = since(EVER)
        assert (int(first), len(rows)) == (here, 1)
        second, rows = since(first)
        assert (int(second), rows) == (here, [])
        conn.execute("COMMIT")
        third, rows = since(second)
        assert len(rows) == 1
        assert int(third) > here > elsewhere
        assert since(third)[1] == []
        other.execute("COMMIT")


def test_rows_and_statistics_do_not_count(database: Address) -> None:
    with connect(database) as conn, connect(database) as reader:
        conn.execute("CREATE TABLE t (id int PRIMARY KEY); CREATE INDEX i ON t ((id + 1))")
        follower = Follower(reader)
        before = follower.read()
        # in place, without a trace in xmin
        for step in ("INSERT INTO t SELECT generate_series(1, 500)", "ANALYZE t", "VACUUM FREEZE t", "REINDEX TABLE t"):
            conn.execute(step)
            assert wrong(follower.read(), before) == []
        assert follower.quick == 4


def test_graphs_of_age_are_followed(base_database: Address) -> None:
    with connect(base_database) as conn, connect(base_database) as reader:
        follower = Follower(reader)
        follower.read()
        conn.execute("LOAD 'age'; SET search_path = ag_catalog, public")
        for step in (
            "SELECT create_graph('wells')",
            "SELECT create_vlabel('wells', 'Rig')",
            "SELECT create_elabel('wells', 'FEEDS')",
            "SELECT drop_label('wells', 'Rig')",
            "SELECT drop_graph('wells', true)",
        ):
            conn.execute(step)
            assert wrong(follower.read(), read(reader)) == [], step


def test_a_role_with_no_privileges_reads_quickly_too(database: Address) -> None:
    with connect(database) as conn, connect(database) as reader:
        conn.execute("DROP ROLE IF EXISTS anybody; CREATE ROLE anybody; CREATE TABLE t (id int)")
        reader.execute("SET ROLE anybody")
        follower = Follower(reader)
        follower.read()
        conn.execute("ALTER TABLE t ADD a int")
        assert wrong(follower.read(), read(reader)) == []
        assert follower.quick == 1
        conn.execute("DROP ROLE anybody")


def test_the_switch_reads_everything_each_time(database: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEGIS_FULL_FINGERPRINT", "1")
    with connect(database) as conn, connect(database) as reader:
        follower = Follower(reader)
        follower.read()
        conn.execute("CREATE TABLE t (id int)")
        assert "table public.t" in follower.read().facts
        follower.confirm()
        assert follower.quick == 0


@pytest.mark.parametrize("switch", ["", "check"])
def test_a_wrong_quick_reading_is_told_by_the_full_one(
    database: Address, monkeypatch: pytest.MonkeyPatch, switch: str
) -> None:
    monkeypatch.setenv("AEGIS_FULL_FINGERPRINT", switch)
    kept = {kind: text for kind, text in dependencies.CHANGING.items() if kind != "columns"}
    monkeypatch.setattr(dependencies, "CHANGING", kept)
    with connect(database) as conn, connect(database) as reader:
        conn.execute("CREATE TABLE t (id int)")
        follower = Follower(reader)
        follower.read()
        conn.execute("ALTER TABLE t ALTER id SET STATISTICS 9")
        if not switch:
            follower.read()
        with pytest.raises(QuickReadingWrong, match=r"column public\.t\.id: statistics 9 -> nothing"):
            follower.read() if switch else follower.confirm()


@pytest.mark.parametrize(
    ("up", "down"),
    [
        ("CREATE TABLE u (id int REFERENCES t)", "DROP TABLE u"),
        ("CREATE TYPE mood AS ENUM ('fine'); ALTER TABLE t ADD m mood", "ALTER TABLE t DROP m; DROP TYPE mood"),
        ("DROP TABLE v", "CREATE TABLE v (id int, extra int)"),
        ("DROP TABLE v; CREATE TABLE w (id int PRIMARY KEY)", "CREATE TABLE v (id int)"),
        ("CREATE VIEW x AS SELECT id FROM t", "ALTER TABLE t RENAME id TO number"),
        ("COMMENT ON TABLE t IS 'x'; CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1", "SELECT 1"),
        ("CREATE DOMAIN d AS v[]", "ALTER TABLE v RENAME TO vv"),  # which is no array, though its category says so
        ("CREATE DOMAIN d AS v[]", "DROP DOMAIN d"),
        ("CREATE SCHEMA s", "DROP SCHEMA s"),  # everything is read
    ],
)
def test_a_reading_after_what_was_undone_starts_from_the_one_before(database: Address, up: str, down: str) -> None:
    with connect(database) as conn, connect(database) as reader:
        conn.execute("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE v (id int)")
        follower = Follower(reader)
        follower.read()
        for statement in (up, down, up.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS")):
            with suppress(StatementFailed):
                conn.execute(statement)
            undone = statement == down
            assert wrong(follower.read(undone=undone), read(reader)) == [], statement
        # twice in a row there is nothing to go back to
        assert wrong(follower.read(undone=True), read(reader)) == []
        assert wrong(follower.read(undone=True), read(reader)) == []
        conn.execute("CREATE TABLE later (id int)")
        assert wrong(follower.read(), read(reader)) == []
