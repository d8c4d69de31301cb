"""Backfills of revisions: by the suite and by plain Alembic, on tables of every key, beside others."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from aegisdb.postgres.address import Address, Secret
from tests.backfills.project import alembic, fill, project, run
from tests.invoke import invoke
from tests.running import nothing_left, rows, versions
from tests.workflows.migrate.test_sql_by_psql import by_psql

DONE = "SELECT count(*), count(y), min(times), max(times), bool_and(y = x * 2) FROM a_1"
FILL_FAILS = 'aegisdb.backfill("a_1", set="y = 1 / 0", where="y IS NULL")'
KEYS = {
    "bigint": "id bigint PRIMARY KEY DEFAULT 0",
    "uuid": "id uuid PRIMARY KEY DEFAULT gen_random_uuid()",
    "text": """id text COLLATE "C" PRIMARY KEY""",
    "text with a language": "id text PRIMARY KEY",
    "timestamptz": "id timestamptz PRIMARY KEY",
    "numeric": "id numeric(20, 5) PRIMARY KEY",
    "float8": "id float8 PRIMARY KEY",
    "bytea": "id bytea PRIMARY KEY",
    "composite": "tenant int, id int, PRIMARY KEY (tenant, id)",
    "composite with a uuid": "tenant text, id uuid, PRIMARY KEY (tenant, id)",
    "quoted": '"Id of it" bigint PRIMARY KEY',
    "unique": "id bigint NOT NULL UNIQUE",
}
VALUES = {
    "bigint": "n",
    "uuid": "gen_random_uuid()",
    "text": "md5(n::text) || E'''\\\\'",
    "text with a language": "chr(192 + n % 60) || ' ' || n",
    "timestamptz": "timestamptz '2020-01-01' + n * interval '1.000001 s'",
    "numeric": "n / 3.0",
    "float8": "n / 3.0::float8",
    "bytea": "decode(md5(n::text), 'hex')",
    "composite": "n % 7, n",
    "composite with a uuid": "'t' || n % 3, gen_random_uuid()",
    "quoted": "n",
    "unique": "n",
}


def to_table(root: Path) -> None:
    assert invoke("migrate.apply", "--service", "a", "--to", "a1", cwd=root).code == 0


def test_every_row_is_changed_once_and_the_next_revision_relies_on_it(tmp_path: Path, database: Address) -> None:
    project(tmp_path, database)
    to_table(tmp_path)
    fill(database, 20_000)
    done = invoke("migrate.apply", cwd=tmp_path)
    assert (done.code, versions(database, "a")) == (0, ["a3"]), done.err
    assert rows(database, DONE) == [(20_000, 20_000, 1, 1, True)]
    noted = rows(database, "SELECT revision, outcome, note FROM aegisdb.journal WHERE action = 'backfill' ORDER BY id")
    assert noted == [("a2", "started", "a_1: begins"), ("a2", "done", "a_1: 20000 rows changed, 20000 looked at")]
    assert "a_1: 20000 rows changed" in invoke("migrate.log", cwd=tmp_path).out
    assert nothing_left(database)


@pytest.mark.parametrize("env", ["sync", "async"])
def test_plain_alembic_gives_the_same(tmp_path: Path, database: Address, env: str) -> None:
    project(tmp_path, database, env=env)
    assert alembic(tmp_path, database, "upgrade", "a1").returncode == 0
    fill(database, 20_000)
    done = alembic(tmp_path, database, "upgrade", "head")
    assert (done.returncode, versions(database, "a")) == (0, ["a3"]), done.stderr
    assert rows(database, DONE) == [(20_000, 20_000, 1, 1, True)]
    assert "every service is at head" in invoke("migrate.apply", cwd=tmp_path).out


def test_an_async_service_does_it_too(tmp_path: Path, database: Address) -> None:
    project(tmp_path, database, env="async")
    to_table(tmp_path)
    fill(database, 3_000)
    done = invoke("migrate.apply", cwd=tmp_path)
    assert (done.code, rows(database, DONE)) == (0, [(3_000, 3_000, 1, 1, True)]), done.err


@pytest.mark.parametrize("kind", KEYS)
def test_it_goes_along_a_key_of_any_kind(tmp_path: Path, database: Address, kind: str) -> None:
    columns = "x int, y int, times int NOT NULL DEFAULT 0"
    more = 'share=1.0, key="id"' if kind == "unique" else "share=1.0"
    project(tmp_path, database, table=f"CREATE TABLE a_1 ({KEYS[kind]}, {columns})".replace('"', '\\"'), more=more)
    to_table(tmp_path)
    named = "tenant, id" if kind.startswith("composite") else '"Id of it"' if kind == "quoted" else "id"
    run(database, f"INSERT INTO a_1 ({named}, x) SELECT {VALUES[kind]}, n FROM generate_series(1, 7000) n")  # noqa: S608
    done = invoke("migrate.apply", cwd=tmp_path)
    assert (done.code, rows(database, DONE)) == (0, [(7000, 7000, 1, 1, True)]), done.err
    assert rows(database, "SELECT walked FROM aegisdb.backfills") == [(7000,)], "in the order of the key itself"


def test_an_empty_table_is_done_at_once(tmp_path: Path, database: Address) -> None:
    project(tmp_path, database)
    done = invoke("migrate.apply", cwd=tmp_path)
    assert (done.code, versions(database, "a")) == (0, ["a3"]), done.err


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("id bigint", "give it one, or a unique index over NOT NULL columns"),
        ("id bigint UNIQUE", "give it one, or a unique index over NOT NULL columns"),
        ("id bigint NOT NULL UNIQUE", "say key=('id',), which is unique"),
    ],
)
def test_a_table_without_a_primary_key_is_refused(tmp_path: Path, database: Address, columns: str, said: str) -> None:
    project(tmp_path, database, table=f"CREATE TABLE a_1 ({columns}, x int, y int, times int NOT NULL DEFAULT 0)")
    refused = invoke("migrate.apply", cwd=tmp_path)
    assert refused.code == 1, refused.err
    assert "a_1 has no primary key, so a stopped backfill could not go on where it was" in refused.err
    assert said in refused.err
    assert versions(database, "a") == ["a1"]


@pytest.mark.parametrize(
    ("made", "said"),
    [("VIEW a_2 AS SELECT 1 AS id", "a_2 is a view"), ("TABLE a_3 (id int)", "there is no table a_2 to backfill")],
)
def test_what_is_no_table_is_refused(tmp_path: Path, database: Address, made: str, said: str) -> None:
    project(tmp_path, database, 'aegisdb.backfill("a_2", set="y = 1", where="y IS NULL")')
    run(database, f"CREATE {made}")
    refused = invoke("migrate.apply", cwd=tmp_path)
    assert (refused.code, said in refused.err) == (1, True), refused.err


def test_an_env_py_with_a_transaction_around_everything_is_refused(tmp_path: Path, database: Address) -> None:
    project(tmp_path, database, env="outer")
    refused = invoke("migrate.apply", cwd=tmp_path)
    assert (refused.code, "env.py holds a transaction of its own" in refused.err) == (1, True), refused.err


def test_a_row_that_cannot_be_changed_is_named_and_the_rest_goes_on_when_it_is_fixed(
    tmp_path: Path, database: Address
) -> None:
    project(tmp_path, database)
    to_table(tmp_path)
    fill(database, 9_000)
    run(
        database,
        "ALTER TABLE a_1 ADD CONSTRAINT small CHECK (y < 1000000)",
        "UPDATE a_1 SET x = 600000 WHERE id = 7777",
    )
    failed = invoke("migrate.apply", cwd=tmp_path)
    assert (failed.code, versions(database, "a")) == (1, ["a1"]), failed.err
    assert "the row with id = 7777 cannot be changed" in failed.err
    assert 'violates check constraint "small"' in failed.err
    assert "it goes on there" in failed.last
    assert rows(database, "SELECT count(y) FROM a_1") == [(7_776,)], "what was before it is done"
    status = invoke("migrate.status", cwd=tmp_path)
    assert (status.code, "backfill of a_1: 86 %, stopped: the next apply goes on there" in status.out) == (0, True)
    run(database, "UPDATE a_1 SET x = 1 WHERE id = 7777")
    done = invoke("migrate.apply", cwd=tmp_path)
    assert (done.code, rows(database, DONE)) == (0, [(9_000, 9_000, 1, 1, True)]), done.err
    assert "a a2 was stopped in a backfill: it goes on where it was" in done.out


def test_rows_that_set_leaves_as_they_were_are_named(tmp_path: Path, database: Address) -> None:
    project(tmp_path, database)
    to_table(tmp_path)
    fill(database, 100)
    run(database, "UPDATE a_1 SET x = NULL WHERE id IN (3, 50)")
    failed = invoke("migrate.apply", cwd=tmp_path)
    assert failed.code == 1
    assert "rows are left: id = 3; id = 50: `set` leaves 2 of the rows that it changed as they were" in failed.err
    assert versions(database, "a") == ["a1"]


def test_a_batch_that_takes_longer_than_a_statement_may_is_made_smaller(tmp_path: Path, database: Address) -> None:
    slow = "CREATE FUNCTION slow(x int) RETURNS int LANGUAGE sql AS 'SELECT x * 2 FROM pg_sleep(0.01)'"
    up = 'aegisdb.backfill("a_1", set="y = slow(x), times = times + 1", where="y IS NULL", share=1.0, hold=10)'
    project(tmp_path, database, up)
    to_table(tmp_path)
    fill(database, 300)
    # all other statements of the run must be over in that time on any machine
    run(database, slow, f"ALTER DATABASE {database.database} SET statement_timeout = '2s'")
    done = invoke("migrate.apply", cwd=tmp_path)
    assert (done.code, rows(database, DONE)) == (0, [(300, 300, 1, 1, True)]), done.err


def test_where_nobody_could_look_it_does_not_say_that_rows_are_left(tmp_path: Path, database: Address) -> None:
    """A row comes in behind each batch, and the look for rows that are left takes longer than a statement may."""
    looks = "CASE WHEN current_setting('enable_seqscan') = 'on' THEN pg_sleep(5) IS NULL END"
    up = 'aegisdb.backfill("a_1", set="y = x * 2, times = times + 1", where="y IS NULL OR looks()", share=1.0)'
    project(tmp_path, database, up)
    to_table(tmp_path)
    fill(database, 30)
    run(
        database,
        f"CREATE FUNCTION looks() RETURNS boolean LANGUAGE sql VOLATILE AS $$ SELECT {looks} $$",
        "CREATE FUNCTION behind() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO a_1 (id, x) SELECT min(id) - 1, 0 FROM a_1; RETURN NULL; END'",
        "CREATE TRIGGER behind AFTER UPDATE ON a_1 EXECUTE FUNCTION behind()",
        f"ALTER DATABASE {database.database} SET statement_timeout = '2s'",
    )
    done = invoke("migrate.apply", cwd=tmp_path)
    assert (done.code, "a_1: rows are left" in done.err, "not looked at" in done.err) == (1, False, False), done.err
    assert "whether rows are left is not known: statement_timeout ended each look for them" in done.err
    assert "each of 3 times along the key still changed some" in done.err


@pytest.mark.parametrize(
    ("set_", "says"),
    [
        ("y = = 1", 'syntax error at or near "="'),
        ("yy = 1", 'column "yy" of relation "a_1" does not exist'),
        ("y = nothing(x)", "function nothing(integer) does not exist"),
    ],
)
def test_a_statement_that_the_server_does_not_take_is_no_fault_of_a_row(
    tmp_path: Path, database: Address, set_: str, says: str
) -> None:
    project(tmp_path, database, f'aegisdb.backfill("a_1", set="{set_}", where="y IS NULL")')
    to_table(tmp_path)
    fill(database, 30)
    done = invoke("migrate.apply", cwd=tmp_path)
    assert (done.code, "cannot be changed" in done.err) == (1, False), done.err
    assert f"a_1: the server does not take the statement, whatever the row: {says}" in done.err
    assert "correct `set` or `where`" in done.err


def test_a_name_that_only_a_row_s_trigger_does_not_find_is_told_with_the_row(tmp_path: Path, database: Address) -> None:
    project(tmp_path, database)
    to_table(tmp_path)
    fill(database, 30)
    run(
        database,
        "CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN IF NEW.id = 17 THEN PERFORM nothing(1); END IF; RETURN NEW; END'",
        "CREATE TRIGGER odd BEFORE UPDATE ON a_1 FOR EACH ROW EXECUTE FUNCTION odd()",
    )
    done = invoke("migrate.apply", cwd=tmp_path)
    assert (done.code, "the row with id = 17 cannot be changed" in done.err) == (1, True), done.err
    assert rows(database, "SELECT count(y) FROM a_1") == [(16,)]


def test_a_role_that_may_not_read_the_progress_is_told_so(tmp_path: Path, database: Address) -> None:
    """Rights were granted on the tables of the side schema before the first backfill made another one."""
    role = f"reader_{database.database}"
    project(tmp_path, database, FILL_FAILS)
    to_table(tmp_path)
    run(
        database,
        f"CREATE ROLE {role} LOGIN PASSWORD 'x'",
        f"GRANT USAGE ON SCHEMA aegisdb TO {role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA aegisdb, public TO {role}",
        "INSERT INTO a_1 (id, x) VALUES (1, 1)",
    )
    try:
        assert invoke("migrate.apply", cwd=tmp_path).code == 1
        assert "backfill of a_1: 0 %" in invoke("migrate.status", cwd=tmp_path).out
        reader = replace(database, user=role, password=Secret("x")).url()
        status = invoke("migrate.status", cwd=tmp_path, env={"DATABASE_URL": reader})
        assert (status.code, "pending" in status.out) == (0, True), status.err
        assert "whether a backfill has begun is not known: this role may not read aegisdb.backfills" in status.out
    finally:
        run(database, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_applied_again_after_a_rollback_it_runs_again(tmp_path: Path, database: Address) -> None:
    project(tmp_path, database)
    to_table(tmp_path)
    fill(database, 500)
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    for _ in ("a3", "a2"):
        back = invoke("migrate.rollback", "--service", "a", cwd=tmp_path)
        assert back.code == 0, back.err
    run(database, "UPDATE a_1 SET y = NULL")
    done = invoke("migrate.apply", cwd=tmp_path)
    assert (done.code, rows(database, DONE)) == (0, [(500, 500, 2, 2, True)]), done.err


def test_two_backfills_of_one_revision_are_two(tmp_path: Path, database: Address) -> None:
    second = 'aegisdb.backfill("a_1", set="x = 0", where="x <> 0 AND id % 2 = 0 AND y > 0")'
    up = 'aegisdb.backfill("a_1", set="y = x * 2, times = times + 1", where="y IS NULL", share=1.0)\n' + second
    project(tmp_path, database, up)
    to_table(tmp_path)
    fill(database, 1_000)
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    assert rows(database, "SELECT count(*) FILTER (WHERE x = 0), sum(times) FROM a_1") == [(500, 1000)]
    assert rows(database, "SELECT count(*), bool_and(landed IS NOT NULL) FROM aegisdb.backfills") == [(2, True)]


def test_the_script_does_the_same(tmp_path: Path, database: Address) -> None:
    project(tmp_path, database)
    to_table(tmp_path)
    fill(database, 2_500)
    script = invoke("migrate.sql", "--service", "a", cwd=tmp_path)
    assert script.code == 0, script.err
    assert re.search(r"COMMIT;\s+DO LANGUAGE plpgsql \$backfill\$", script.out)
    by_psql(database, script.out)
    assert (rows(database, DONE), versions(database, "a")) == ([(2_500, 2_500, 1, 1, True)], ["a3"])
    plain = alembic(tmp_path, database, "upgrade", "a1:head", "--sql")
    assert (plain.returncode, "$backfill$" in plain.stdout) == (0, True), plain.stderr


def test_roundtrip_and_plan_understand_it(tmp_path: Path, database: Address) -> None:
    project(tmp_path, database)
    to_table(tmp_path)
    fill(database, 3_000)
    plan = invoke("migrate.plan", cwd=tmp_path)
    assert plan.code == 0, plan.err
    assert "3000 updated" in plan.out
    assert "writers" not in plan.out.partition("a a3")[0], "rows are locked, and no table"
    proof = invoke("migrate.roundtrip", "--pending", cwd=tmp_path)
    assert proof.code == 0, proof.err
    linted = invoke("migrate.lint", "--all", cwd=tmp_path)
    assert "missing-downgrade" not in linted.out + linted.err
    assert rows(database, "SELECT count(y) FROM a_1") == [(0,)]
    assert rows(database, "SELECT to_regclass('aegisdb.backfills')") == [(None,)]


def test_lint_says_whose_rows_they_are(tmp_path: Path, database: Address) -> None:
    project(tmp_path, database, 'aegisdb.backfill("b_1", set="y = 1", where="y IS NULL")')
    linted = invoke("migrate.lint", "--all", cwd=tmp_path)
    assert "foreign-object" in linted.out + linted.err
    assert "changes rows of b_1" in linted.out + linted.err


def test_a_script_along_another_key_is_refused_by_name(tmp_path: Path, database: Address) -> None:
    table = "CREATE TABLE a_1 (id bigint NOT NULL UNIQUE, x int, y int, times int NOT NULL DEFAULT 0)"
    project(tmp_path, database, table=table, more='key="id"')
    refused = invoke("migrate.sql", "--service", "a", "--from", "a1", cwd=tmp_path)
    assert (refused.code, "the backfill of a_1 goes along id, which no script does" in refused.err) == (1, True)


@pytest.mark.parametrize("env", ["sync", "async"])
def test_a_partitioned_table_with_an_odd_name_and_a_generated_column(
    tmp_path: Path, database: Address, env: str
) -> None:
    odd = '"Odd % of :it"'
    table = (
        f'CREATE TABLE {odd} ("a:Key" int, day date, x int, y int, twice int GENERATED ALWAYS AS (y * 2) STORED,'
        ' PRIMARY KEY ("a:Key", day)) PARTITION BY RANGE (day)'
    )
    up = f"""aegisdb.backfill('{odd}', set="y = x % 7", where="y IS NULL", share=1.0)"""
    project(tmp_path, database, up, table="CREATE TABLE a_1 (id int PRIMARY KEY, y int)", env=env)
    to_table(tmp_path)
    parts = (
        f"CREATE TABLE a_old PARTITION OF {odd} FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')",
        f"CREATE TABLE a_new PARTITION OF {odd} DEFAULT",
    )
    run(database, table, *parts)
    run(database, f"INSERT INTO {odd} SELECT n, date '2020-06-01' + n, n FROM generate_series(1, 2500) n")  # noqa: S608
    done = invoke("migrate.apply", cwd=tmp_path)
    assert (done.code, versions(database, "a")) == (0, ["a3"]), done.err
    found = f"SELECT count(*), bool_and(y = x % 7 AND twice = y * 2) FROM {odd}"  # noqa: S608
    assert rows(database, found) == [(2500, True)]
