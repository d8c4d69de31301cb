"""migrate.apply as a person uses it: order, plan, partial failure, half-applied, lost files, interruption."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo, table, write_revision
from tests.running import SLEEP, children, eventually, five, gone, nothing_left, rows, running, sleeping, versions


def test_services_are_applied_in_the_order_of_their_foreign_keys(tmp_path: Path, database: Address) -> None:
    shop = Rev(id="s1", up=table("shop_orders", "customer bigint REFERENCES crm_customers"))
    crm = Rev(id="c1", up=table("crm_customers"), message="customers")
    build_monorepo(
        tmp_path, {"shop": Svc(revisions=(shop,), env="async"), "crm": Svc(revisions=(crm,))}, url=database.url()
    )
    planned = invoke("migrate.apply", "--dry-run", "--format", "json", cwd=tmp_path)
    assert planned.code == 0
    assert [s["service"] for s in planned.json["services"]] == ["crm", "shop"]
    assert rows(database, "SELECT to_regclass('crm_customers')") == [(None,)]

    done = invoke("migrate.apply", "--format", "json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert [(s["service"], [d["revision"] for d in s["done"]]) for s in done.json["services"]] == [
        ("crm", ["c1"]),
        ("shop", ["s1"]),
    ]
    journal = rows(
        database, "SELECT service, revision, action, outcome FROM aegisdb.journal WHERE action <> 'run' ORDER BY id"
    )
    assert journal == [("crm", "c1", "upgrade", "done"), ("shop", "s1", "upgrade", "done")]
    again = invoke("migrate.apply", cwd=tmp_path)
    assert again.code == 0
    assert "nothing is pending" in again.out
    assert nothing_left(database)


def test_fault_18_a_failing_statement_is_named_and_earlier_revisions_stay(tmp_path: Path, database: Address) -> None:
    bad = 'op.execute("INSERT INTO a_1 VALUES (7)")\nop.execute("SELECT 1")\nop.execute("SELECT nope FROM a_1")'
    build_monorepo(tmp_path, {"a": Svc(revisions=five(bad))}, url=database.url())
    ran = invoke("migrate.apply", cwd=tmp_path)
    assert ran.code == 1
    assert len(ran.err.splitlines()) < 15
    assert "a3.py:14" in ran.last
    for part in ('a: a3 "step 3"', "42703", 'column "nope" does not exist'):
        assert part in ran.last
    assert "fix the file, then invoke migrate.apply --service a" in ran.last
    assert "SELECT nope FROM a_1" in ran.err
    assert rows(database, "SELECT to_regclass('a_1')::text, to_regclass('a_2')::text") == [("a_1", "a_2")]
    assert versions(database, "a") == ["a2"]
    assert rows(database, "SELECT count(*) FROM a_1") == [(0,)]
    assert nothing_left(database)
    failed = invoke("migrate.apply", "--format", "json", cwd=tmp_path)
    (service,) = failed.json["services"]
    assert (service["done"], service["failed"], service["not_started"]) == ([], "a3", ["a4", "a5"])


def test_fault_18_a_long_statement_is_cut_short(tmp_path: Path, database: Address) -> None:
    columns = "".join(f",\\n  column_{number} int" for number in range(40))
    bad = f'op.execute("CREATE TABLE a_1 (\\n  id int{columns}\\n)")'
    build_monorepo(tmp_path, {"a": Svc(revisions=five(bad))}, url=database.url())
    ran = invoke("migrate.apply", cwd=tmp_path)
    assert ran.code == 1
    assert len(ran.err.splitlines()) < 15, ran.err
    assert "column_1 int" in ran.err
    assert "column_39" not in ran.err
    assert "42P07" in ran.last


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ("import sys; sys.exit(0)", 1, "ended without being recorded"),
        ("import os; os._exit(0)", 1, "ended without being recorded"),
        (
            'op.execute("DELETE FROM alembic_version_a")\nop.execute("COMMIT")\nimport os; os._exit(0)',
            5,
            "half-applied",
        ),
        ('op.execute("CREATE TABLE a_3 (id int)")\nop.execute("COMMIT")\nop.execute("SELECT 1/0")', 5, "half-applied"),
        ('op.execute("CREATE TABLE a_3 (id int)")\nop.execute("COMMIT")', 5, "ends its transaction by itself"),
        ('op.execute("CREATE TABLE a_3 (id int)")\nop.execute("ROLLBACK")', 5, "ends its transaction by itself"),
    ],
    ids=["sys.exit", "os._exit", "commit and exit", "commit and fail", "commit", "rollback"],
)
def test_fault_19_a_revision_that_leaves_is_noticed(
    tmp_path: Path, database: Address, body: str, code: int, says: str
) -> None:
    build_monorepo(tmp_path, {"a": Svc(revisions=five(body))}, url=database.url())
    ran = invoke("migrate.apply", cwd=tmp_path)
    assert ran.code == code, ran.err
    assert says in ran.err
    assert "a3" in ran.last
    assert eventually(lambda: nothing_left(database))
    if code == 5:
        again = invoke("migrate.apply", cwd=tmp_path)
        assert again.code == 5
        assert "migrate.resolve" in again.last
    else:
        assert versions(database, "a") == ["a2"]


@pytest.mark.parametrize("env", ["sync", "async"])
def test_fault_19_commit_is_resolved_as_applied_and_a_block_of_alembic_s_is_no_fault(
    tmp_path: Path, database: Address, env: str
) -> None:
    block = 'with op.get_context().autocommit_block():\n    op.execute("CREATE INDEX CONCURRENTLY a_ix ON a_1 (id)")\n'
    revisions = (
        Rev(id="a1", up=table("a_1")),
        Rev(id="a2", up=f'op.execute("CREATE TABLE a_2 (id int)")\n{block}op.execute("CREATE TABLE a_3 (id int)")'),
        Rev(
            id="a3",
            up='op.execute("CREATE TABLE a_4 (id int)")\nop.execute("COMMIT")\nop.execute("CREATE TABLE a_5 ()")',
        ),
        Rev(id="a4", up=table("a_6")),
    )
    build_monorepo(tmp_path, {"a": Svc(revisions=revisions, env=env)}, url=database.url())
    ran = invoke("migrate.apply", cwd=tmp_path)
    assert ran.code == 5, ran.err
    assert "a3.py" in ran.last
    assert versions(database, "a") == ["a2"]
    assert rows(database, "SELECT to_regclass('a_4')::text, to_regclass('a_5')::text") == [("a_4", "a_5")]
    assert nothing_left(database)
    resolved = invoke("migrate.resolve", "--service", "a", "--applied", cwd=tmp_path)
    assert resolved.code == 0, resolved.err
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    assert versions(database, "a") == ["a4"]


def test_fault_19_a_revision_that_never_ends_is_stopped_by_timeout(tmp_path: Path, database: Address) -> None:
    build_monorepo(tmp_path, {"a": Svc(revisions=five("while True: pass"))}, url=database.url())
    ran = invoke("migrate.apply", "--timeout", "3", cwd=tmp_path)
    assert ran.code == 1, ran.err
    assert "error[timeout]" in ran.last
    assert versions(database, "a") == ["a2"]
    assert nothing_left(database)


def test_fault_23_a_deferred_constraint_fails_on_its_own_revision(tmp_path: Path, database: Address) -> None:
    deferred = """
        op.execute("CREATE TABLE a_3 (id int PRIMARY KEY, up int REFERENCES a_3 DEFERRABLE INITIALLY DEFERRED)")
        op.execute("INSERT INTO a_3 VALUES (1, 99)")
    """
    build_monorepo(tmp_path, {"a": Svc(revisions=five(deferred))}, url=database.url())
    ran = invoke("migrate.apply", cwd=tmp_path)
    assert ran.code == 1
    assert "a: a3" in ran.last
    assert "23503" in ran.last
    assert versions(database, "a") == ["a2"]


def test_fault_23_an_enum_value_used_too_early_gets_a_hint(tmp_path: Path, database: Address) -> None:
    enum = """
        op.execute("ALTER TYPE a_mood ADD VALUE 'soso'")
        op.execute("SELECT 'soso'::a_mood")
    """
    first = Rev(id="m1", up="op.execute(\"CREATE TYPE a_mood AS ENUM ('good')\")")
    build_monorepo(tmp_path, {"a": Svc(revisions=(first, Rev(id="m2", up=enum)))}, url=database.url())
    ran = invoke("migrate.apply", cwd=tmp_path)
    assert ran.code == 1
    assert "55P04" in ran.last
    assert "add it in `with op.get_context().autocommit_block():`, or in a revision before" in ran.last
    assert versions(database, "a") == ["m1"]


def test_fault_46_an_env_py_that_connects_elsewhere_runs_nothing(
    tmp_path: Path, database: Address, server: object
) -> None:
    from tests.monorepo import SYNC

    elsewhere = database.with_database("postgres").url(driver="psycopg")
    env = SYNC.replace(
        "section = config.get_section(config.config_ini_section, {})", f'section = {{"sqlalchemy.url": {elsewhere!r}}}'
    )
    build_monorepo(tmp_path, {"a": Svc(revisions=five("pass"), env=env)}, url=database.url())
    ran = invoke("migrate.apply", cwd=tmp_path)
    assert ran.code == 3, ran.err
    assert "error[wrong_database]" in ran.last
    assert "services/a/alembic/env.py" in ran.last
    assert "database postgres on the server at" in ran.last
    with psycopg.connect(database.with_database("postgres").url()) as conn:
        assert conn.execute("SELECT to_regclass('a_1')").fetchone() == (None,)
    del server


def test_fault_46_another_kind_of_database_is_elsewhere_too(tmp_path: Path, database: Address) -> None:
    from tests.monorepo import SYNC

    env = SYNC.replace(
        "section = config.get_section(config.config_ini_section, {})", 'section = {"sqlalchemy.url": "sqlite:///x.db"}'
    )
    build_monorepo(tmp_path, {"a": Svc(revisions=five("pass"), env=env)}, url=database.url())
    ran = invoke("migrate.apply", cwd=tmp_path)
    assert ran.code == 3, ran.err
    assert "sqlite" in ran.last


def test_an_env_py_with_its_own_version_table_is_refused(tmp_path: Path, database: Address) -> None:
    from tests.monorepo import SYNC

    env = SYNC.replace('"{version_table}"', '"other_table"')
    build_monorepo(tmp_path, {"a": Svc(revisions=five("pass"), env=env)}, url=database.url())
    ran = invoke("migrate.apply", cwd=tmp_path)
    assert ran.code == 2
    assert "other_table" in ran.last
    assert "alembic_version_a" in ran.last


def test_fault_28_a_broken_history_does_not_stop_the_others(tmp_path: Path, database: Address) -> None:
    services = {"good": Svc(revisions=(Rev(id="g1"),)), "bad": Svc(revisions=(Rev(id="x1"),))}
    build_monorepo(tmp_path, services, url=database.url())
    write_revision(tmp_path / "services" / "bad", Rev(id="x2", parent="gone"), None)
    ran = invoke("migrate.apply", cwd=tmp_path)
    assert ran.code == 6
    assert "gone" in ran.last
    assert "x2.py" in ran.last
    assert versions(database, "good") == ["g1"]
    asked = invoke("migrate.apply", "--service", "bad", cwd=tmp_path)
    assert asked.code == 2


BROKEN = {
    "duplicate id": ({"x2": 'revision = "x1"\ndown_revision = None\n'}, ("x1.py", "x2.py", "both are revision x1")),
    "missing parent": ({"x2": 'revision = "x2"\ndown_revision = "gone"\n'}, ("x2.py revises gone",)),
    "cycle": (
        {"x2": 'revision = "x2"\ndown_revision = "x3"\n', "x3": 'revision = "x3"\ndown_revision = "x2"\n'},
        ("x2.py", "x3.py", "in a circle"),
    ),
    "syntax error": ({"x2": "def upgrade(:\n"}, ("x2.py:1", "x2.py does not compile")),
    "stray file": ({"notes": "x = 1\n"}, ("notes.py", "is not a revision")),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_fault_28_each_broken_history_names_its_files_and_the_others_are_applied(
    tmp_path: Path, database: Address, kind: str
) -> None:
    files, told = BROKEN[kind]
    services = {"bad": Svc(revisions=(Rev(id="x1"),)), "good": Svc(revisions=(Rev(id="g1"),))}
    build_monorepo(tmp_path, services, url=database.url())
    for name, text in files.items():
        (tmp_path / "services" / "bad" / "alembic" / "versions" / f"{name}.py").write_text(text)
    ran = invoke("migrate.apply", cwd=tmp_path)
    assert ran.code == 6, ran.err
    for part in told:
        assert part in ran.last
    assert versions(database, "good") == ["g1"]
    assert rows(database, "SELECT to_regclass('alembic_version_bad')") == [(None,)]
    asked = invoke("migrate.apply", "--service", "bad", cwd=tmp_path)
    assert asked.code == 2
    assert told[0] in asked.last


def test_fault_28_two_heads_name_both_files(tmp_path: Path, database: Address) -> None:
    revisions = (Rev(id="h1"), Rev(id="h2", parent="h1"), Rev(id="h3", parent="h1"))
    build_monorepo(tmp_path, {"a": Svc(revisions=revisions), "b": Svc(revisions=(Rev(id="b1"),))}, url=database.url())
    ran = invoke("migrate.apply", cwd=tmp_path)
    assert ran.code == 6
    assert "h2.py" in ran.last
    assert "h3.py" in ran.last
    assert versions(database, "b") == ["b1"]


def test_faults_25_and_31_a_database_that_is_ahead_is_not_touched(tmp_path: Path, database: Address) -> None:
    build_monorepo(tmp_path, {"a": Svc(revisions=five("pass"))}, url=database.url())
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    for lost in ("a4", "a5"):
        (tmp_path / "services" / "a" / "alembic" / "versions" / f"{lost}.py").unlink()
    ran = invoke("migrate.apply", cwd=tmp_path)
    assert ran.code == 6
    assert "error[ahead]" in ran.last
    assert "ahead by 2" in ran.last
    assert "the journal has its source" in ran.last
    assert versions(database, "a") == ["a5"]
    with psycopg.connect(database.url()) as conn:
        conn.execute("UPDATE alembic_version_a SET version_num = 'mystery'")
    ran = invoke("migrate.apply", "--service", "a", cwd=tmp_path)
    assert ran.code == 6
    assert "error[unknown_revision]" in ran.last
    assert "mystery" in ran.last
    assert versions(database, "a") == ["mystery"]


def test_fault_25_the_branch_that_has_the_file_is_named(tmp_path: Path, database: Address) -> None:
    def git(*words: str) -> str:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
        return subprocess.run(["git", *who, *words], cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    build_monorepo(tmp_path, {"a": Svc(revisions=five("pass"))}, url=database.url())
    late = tmp_path / "services" / "a" / "alembic" / "versions" / "a5.py"
    text = late.read_text()
    late.unlink()
    git("init", "-q", "-b", "main")
    git("add", "services")
    git("commit", "-q", "-m", "four")
    git("switch", "-q", "-c", "feature")
    late.write_text(text)
    git("add", "services")
    git("commit", "-q", "-m", "five")
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    git("switch", "-q", "main")
    ran = invoke("migrate.apply", cwd=tmp_path)
    assert ran.code == 6
    assert "error[ahead]" in ran.last
    commit = git("log", "-n1", "--format=%h", "feature").strip()
    assert f"commit {commit} t " in ran.last
    assert f"git branch -a --contains {commit}" in ran.last
    assert versions(database, "a") == ["a5"]


def test_fault_1_kill_9_in_a_transactional_revision_is_told_and_continued(tmp_path: Path, database: Address) -> None:
    build_monorepo(tmp_path, {"a": Svc(revisions=five(SLEEP))}, url=database.url())
    with running(tmp_path, "migrate.apply") as process:
        assert eventually(lambda: sleeping(database))
        family = children(process.pid)
        assert family
        process.kill()
        process.wait()
        assert eventually(lambda: nothing_left(database))
        assert eventually(lambda: gone(family))
    assert versions(database, "a") == ["a2"]
    path = tmp_path / "services" / "a" / "alembic" / "versions" / "a3.py"
    path.write_text(path.read_text().replace(SLEEP, "pass"))
    again = invoke("migrate.apply", cwd=tmp_path)
    assert again.code == 0, again.err
    assert "died; nothing of it is half-applied" in again.out
    assert versions(database, "a") == ["a5"]


@pytest.mark.parametrize("decision", ["--applied", "--rolled-back"])
def test_fault_2_kill_9_in_an_autocommit_block_needs_a_decision(
    tmp_path: Path, database: Address, decision: str
) -> None:
    block = f'with op.get_context().autocommit_block():\n    op.execute("CREATE TABLE a_3 (id int)")\n    {SLEEP}'
    build_monorepo(tmp_path, {"a": Svc(revisions=five(block))}, url=database.url())
    with running(tmp_path, "migrate.apply") as process:
        assert eventually(lambda: sleeping(database))
        process.kill()
        process.wait()
        assert eventually(lambda: nothing_left(database))
    again = invoke("migrate.apply", cwd=tmp_path)
    assert again.code == 5
    assert "a: a3 is half-applied" in again.last
    assert "migrate.resolve --service a" in again.last
    assert versions(database, "a") == ["a2"]
    assert invoke("migrate.status", cwd=tmp_path).code == 5
    path = tmp_path / "services" / "a" / "alembic" / "versions" / "a3.py"
    path.write_text(path.read_text().replace(SLEEP, "pass"))
    assert invoke("migrate.resolve", "--service", "a", cwd=tmp_path).code == 2
    if decision == "--rolled-back":
        with psycopg.connect(database.url()) as conn:
            conn.execute("DROP TABLE a_3")
    resolved = invoke("migrate.resolve", "--service", "a", decision, cwd=tmp_path)
    assert resolved.code == 0, resolved.err
    assert versions(database, "a") == [{"--applied": "a3", "--rolled-back": "a2"}[decision]]
    done = invoke("migrate.apply", "--format", "json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert len(done.json["services"][0]["done"]) == {"--applied": 2, "--rolled-back": 3}[decision]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_faults_5_and_6_a_signal_rolls_back_and_says_what_is_left(
    tmp_path: Path, database: Address, number: signal.Signals, code: int
) -> None:
    services = {"a": Svc(revisions=five(SLEEP)), "b": Svc(revisions=(Rev(id="b1"),), after=("a",))}
    build_monorepo(tmp_path, services, url=database.url())
    with running(tmp_path, "migrate.apply") as process:
        assert eventually(lambda: sleeping(database))
        family = children(process.pid)
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=120)
        assert process.returncode == code, err
        assert eventually(lambda: gone(family))
        assert nothing_left(database)
    assert "2 done, a a3 rolled back, 3 not started" in err.strip().splitlines()[-1]
    assert "a3" in out
    assert versions(database, "a") == ["a2"]


def test_an_enum_that_is_made_dropped_and_made_again_in_one_run(tmp_path: Path, database: Address) -> None:
    """Alembic remembers the type as made; one that two revisions make without a drop is made once, as before."""
    columns = "sa.Column('id', sa.Integer, primary_key=True), sa.Column('row', sa.Enum('a', name='shop_row'))"
    make, more = (f"op.create_table('{name}', {columns})" for name in ("shop_seats", "shop_more"))
    drop = "op.drop_table('shop_seats')\nop.execute('DROP TYPE shop_row')"
    steps = ((make, drop), (drop, make), (make, drop), (more, "op.drop_table('shop_more')"))
    revisions = tuple(Rev(id=f"s{number}", up=up, down=down) for number, (up, down) in enumerate(steps, 1))
    root = build_monorepo(tmp_path, {"shop": Svc(revisions=revisions)}, url=database.url())
    ran = invoke("migrate.apply", cwd=root)
    assert ran.code == 0, ran.err
    assert "shop     s4        s4       applied" in ran.out
