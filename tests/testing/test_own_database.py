"""`aegis_db`: a database of its own for each test, in real runs of pytest."""

from __future__ import annotations

import re
import subprocess
from collections import Counter

import psycopg
import pytest

from aegisdb.postgres import databases
from aegisdb.postgres.connection import connect
from aegisdb.testing.stock import TOGETHER
from tests.monorepo import Rev, write_revision
from tests.testing.conftest import Child

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.child

HEAD = "import psycopg, pytest\nDROP = 'DROP DATABASE '\n"
COUNT = """
def count(url, table="shop_items"):
    with psycopg.connect(url) as conn:
        found = conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        conn.execute("INSERT INTO shop_items VALUES (99, 1)")
        return found
"""


def test_each_test_has_one_at_head_and_leaves_nothing(child: Child) -> None:
    child.pytester.makepyfile(
        HEAD
        + COUNT
        + """
@pytest.mark.parametrize("n", range(5))
def test_mine(aegis_db_url, n):
    assert count(aegis_db_url) == 0

@pytest.mark.aegis_seeds
def test_seeded(aegis_db):
    assert count(aegis_db.url) == 2
    assert aegis_db.url_for("asyncpg").startswith("postgresql+asyncpg://")

def test_without():
    pass
"""
    )
    child.project.write("mine")
    child.passes(passed=7)
    assert child.left() == set()
    assert child.project.text() == "mine"


def test_seeds_for_all_by_configuration(child: Child) -> None:
    child.pytester.makeini("[pytest]\naegis_seeds = true\n")
    child.pytester.makepyfile(HEAD + COUNT + "def test_seeded(aegis_db_url):\n    assert count(aegis_db_url) == 2\n")
    child.passes(passed=1)


def test_two_processes_build_one_template_and_share_no_database(child: Child) -> None:
    log = child.root / "built.txt"
    write_revision(
        child.root / "services" / "shop",
        Rev(id="a3", up=f'open({str(log)!r}, "a").write("built\\n")'),
        "a2",
    )
    child.pytester.makepyfile(
        HEAD
        + COUNT
        + """
@pytest.mark.parametrize("n", range(12))
def test_mine(aegis_db, n):
    assert count(aegis_db.url) == 0
    with open("names.txt", "a") as names:
        names.write(aegis_db.name + "\\n")
"""
    )
    child.passes("-n", "2", passed=12)
    assert log.read_text() == "built\n"
    assert set(Counter((child.root / "names.txt").read_text().split()).values()) == {1}
    assert child.left() == set()


def test_two_runs_at_once(child: Child) -> None:
    child.pytester.makepyfile(
        HEAD
        + COUNT
        + """
@pytest.mark.parametrize("n", range(6))
def test_mine(aegis_db_url, n):
    assert count(aegis_db_url) == 0
"""
    )
    argv = child.pytester._getpytestargs()  # noqa: SLF001  what runpytest_subprocess starts
    runs = [
        child.pytester.popen([*argv, *child.argv("--basetemp", str(child.root / f"tmp{n}"))], stdin=subprocess.DEVNULL)
        for n in range(2)
    ]
    for run in runs:
        out, err = run.communicate(timeout=240)
        assert b"6 passed" in out, (out + err).decode()
    assert child.left() == set()


def test_a_new_revision_is_in_the_databases_of_the_next_run(child: Child) -> None:
    child.pytester.makepyfile(
        test_it=HEAD + COUNT + "def test_it(aegis_db_url):\n    assert count(aegis_db_url, 'shop_more') == 0\n"
    )
    ran = child.passes(failed=1)
    ran.stdout.fnmatch_lines(["*UndefinedTable*shop_more*"])
    up = 'op.execute("CREATE TABLE shop_more (id int)")'
    write_revision(child.root / "services" / "shop", Rev(id="a3", up=up), "a2")
    child.passes(passed=1)


def test_a_template_that_somebody_drops_meanwhile_is_built_again(child: Child) -> None:
    child.pytester.makepyfile(
        HEAD
        + COUNT
        + """
def test_first(aegis_db):
    assert count(aegis_db.url) == 0
    with psycopg.connect(aegis_db.url, autocommit=True) as conn:
        templates = aegis_db.name.partition("__")[0] + "__tpl_"
        for _, name, *_ in conn.execute("TABLE pg_database").fetchall():
            if name.startswith(templates):
                conn.execute(DROP + name)

@pytest.mark.parametrize("n", range(4))
def test_next(aegis_db_url, n):
    assert count(aegis_db_url) == 0
"""
    )
    child.passes(passed=5)


def test_sessions_that_a_test_leaves_open_do_not_matter(child: Child) -> None:
    child.pytester.makepyfile(
        HEAD
        + COUNT
        + """
left = []

@pytest.mark.parametrize("n", range(3))
def test_it(aegis_db_url, n):
    left.append(psycopg.connect(aegis_db_url))

def test_dropped(aegis_db):
    with psycopg.connect(aegis_db.url.replace(aegis_db.name, "postgres"), autocommit=True) as conn:
        conn.execute(f'DROP DATABASE "{aegis_db.name}"')

def test_after(aegis_db_url):
    assert count(aegis_db_url) == 0
"""
    )
    child.passes("-W", "ignore::ResourceWarning", passed=5)
    assert child.left() == set()


def test_an_engine_and_what_a_failure_shows(child: Child) -> None:
    child.pytester.makepyfile(
        """
from sqlalchemy import text

def test_engine(aegis_db_engine):
    with aegis_db_engine.connect() as conn:
        assert conn.scalar(text("SELECT count(*) FROM shop_items")) == 0

def test_fails(aegis_db, aegis_db_url):
    assert aegis_db_url == aegis_db
"""
    )
    ran = child.passes("-l", passed=1, failed=1)
    assert "***" in ran.stdout.str()
    assert child.project.address.password.reveal() not in ran.stdout.str()
    assert child.project.address.url().partition("@")[0] not in ran.stdout.str()
    assert child.left() == set()


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_failed_test_keeps_its_database_when_asked(child: Child, workers: tuple[str, ...]) -> None:
    child.pytester.makepyfile(
        HEAD
        + COUNT
        + """
def test_fails(aegis_db_url, tmp_path):
    still = psycopg.connect(aegis_db_url)
    assert count(aegis_db_url) == 1

def test_passes(aegis_db_url):
    assert count(aegis_db_url) == 0

@pytest.fixture
def broken(aegis_db_url):
    count(aegis_db_url)
    raise ValueError

def test_in_a_fixture(broken):
    pass
"""
    )
    ran = child.passes("-W", "ignore::ResourceWarning", "--aegis-keep", *workers, passed=1, failed=1, errors=1)
    urls = re.findall(r"^test_\S+::(\w+)  (postgresql://\S+)$", ran.stdout.str(), re.MULTILINE)
    assert sorted(name for name, _ in urls) == ["test_fails", "test_in_a_fixture"]
    for name, url in urls:
        with psycopg.connect(url) as conn:
            assert conn.execute("SELECT id FROM shop_items").fetchall() == [(99,)]
        row = next(r for r in cached(child) if url.endswith(r["name"]))
        assert (row["kind"], row["made_for"].endswith(f"::{name}")) == ("clone", True)
        dropped = child.project.invoke("db.clone", "--drop", url)
        assert dropped.code == 0, dropped.err
    assert child.left() == set()


def cached(child: Child) -> list[dict[str, str]]:
    found: list[dict[str, str]] = child.project.invoke("db.cache", "--format", "json").json["result"]["databases"]
    return found


def test_where_nothing_proves_the_server_each_test_says_so_and_nothing_is_made(child: Child) -> None:
    with databases.maintenance(child.project.address) as conn:
        conn.execute(f'COMMENT ON DATABASE "{child.project.address.database}" IS NULL')
    child.pytester.makepyfile("def test_a(aegis_db):\n    pass\n\n\ndef test_b(aegis_db_session):\n    pass\n")
    before = child.project.databases()
    ran = child.passes(errors=2)
    ran.stdout.fnmatch_lines(["*error[[]shared]: pytest is refused: *"])
    assert "Traceback" not in ran.stdout.str()
    assert child.project.databases() == before


def test_without_a_registry(child: Child) -> None:
    (child.root / "services.yaml").rename(child.root / "elsewhere.yaml")
    child.pytester.makepyfile("def test_a(aegis_db):\n    pass\n")
    child.passes(errors=1).stdout.fnmatch_lines(["*error[[]no_registry]: *"])
    (child.root / "db").mkdir()
    (child.root / "elsewhere.yaml").rename(child.root / "db" / "services.yaml")
    (child.root / "sql").rename(child.root / "db" / "sql")
    (child.root / "services").rename(child.root / "db" / "services")
    child.pytester.makeini("[pytest]\naegis_registry = db\n")
    child.passes(passed=1)


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_the_applications_database_url_is_no_target_of_ours(child: Child, workers: tuple[str, ...]) -> None:
    child.pytester.makeconftest('import os\nos.environ["DATABASE_URL"] = "postgresql://app@127.0.0.1:1/app"\n')
    child.pytester.makepyfile("def test_a(aegis_db):\n    pass\n")
    child.passes(*workers, passed=1)


def test_the_target_is_chosen_by_option_and_file(child: Child) -> None:
    child.pytester.makepyfile("def test_a(aegis_db):\n    pass\n")
    child.passes("--aegis-target", "nosuch", errors=1).stdout.fnmatch_lines(["*nosuch*"])
    child.pytester.makeini("[pytest]\naegis_target = other\n")
    child.passes(errors=1).stdout.fnmatch_lines(["*other*"])
    child.passes("--aegis-target", "local", passed=1)


def test_no_more_is_made_ahead_than_will_be_used(child: Child) -> None:
    child.pytester.makepyfile(
        """
import time

def test_only(aegis_db):
    time.sleep(2)
"""
    )
    with connect(child.project.address.with_database("postgres")) as conn:
        before = int(conn.value("SELECT max(oid)::bigint FROM pg_database"))
        child.passes(passed=1)
        child.passes(passed=1)
        made = conn.rows("SELECT datname FROM pg_database WHERE oid > %s", (before,))
    assert {name for (name,) in made if "__tpl_" not in name} == set()


def test_a_database_in_use_is_not_dropped_with_those_that_were_used(child: Child) -> None:
    """A dozen are dropped together, while the next test runs in its own for as long as it likes."""
    child.pytester.makepyfile(
        """
        import time
        import psycopg, pytest

        TOGETHER, LAST, names = NUMBERS, []

        @pytest.mark.parametrize("n", range(LAST + 1))
        def test_it(aegis_db, n):
            with psycopg.connect(aegis_db.url) as conn:
                conn.execute("CREATE TABLE mine (id int)")
                conn.commit()
                deadline = time.monotonic() + 60
                while n == TOGETHER and conn.execute(
                    "SELECT FROM pg_database WHERE datname = ANY (%s)", (names,)
                ).fetchall():
                    assert time.monotonic() < deadline
                    conn.commit()
                    time.sleep(0.05)
                conn.execute("INSERT INTO mine VALUES (1)")
            names.append(aegis_db.name)
        """.replace("NUMBERS", f"{TOGETHER}, {TOGETHER + 1}")
    )
    child.passes(passed=TOGETHER + 2)
    assert child.left() == set()
