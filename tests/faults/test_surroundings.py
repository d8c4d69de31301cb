"""Faults 24, 25, 33, 35 and 37: what surrounds a run: rows that do not fit, passwords, leftovers of a shell."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo, table
from tests.postgres_server import PASSWORD
from tests.running import five, nothing_left, rows, versions

READS = 'for row in op.get_bind().execute(sa.text("SELECT id FROM a_1")): pass'


def test_24_a_revision_that_reads_is_not_rendered_and_no_half_of_it_printed(tmp_path: Path, database: Address) -> None:
    build_monorepo(tmp_path, {"a": Svc(revisions=five(READS))}, url=database.url())
    ran = invoke("migrate.sql", "--service", "a", cwd=tmp_path)
    assert ran.code == 1, ran.err
    assert "a: a3" in ran.last
    assert "reads the database, cannot be rendered offline" in ran.last
    assert "CREATE TABLE" not in ran.out
    assert rows(database, "SELECT to_regclass('a_1')") == [(None,)]
    assert nothing_left(database)


@pytest.mark.parametrize(
    ("damage", "left"),
    [
        ("DELETE FROM alembic_version_a", []),
        ("DROP TABLE alembic_version_a", None),
        ("INSERT INTO alembic_version_a VALUES ('a1')", ["a1", "a3"]),
    ],
    ids=["no row", "no table", "two rows"],
)
def test_25_lost_and_doubled_version_rows_are_told_and_never_stamped(
    tmp_path: Path, database: Address, damage: str, left: list[str] | None
) -> None:
    first = Rev(id="a1", up=table("a_1"), down='op.execute("DROP TABLE a_1")')
    revisions = (first, Rev(id="a2"), Rev(id="a3"), Rev(id="a4", up=table("a_4")))
    build_monorepo(tmp_path, {"a": Svc(revisions=revisions)}, url=database.url())
    assert invoke("migrate.apply", "--service", "a", "--to", "a3", cwd=tmp_path).code == 0
    with psycopg.connect(database.url()) as conn:
        conn.execute(damage.encode())
    for words in (("migrate.status",), ("migrate.apply",)):
        ran = invoke(*words, cwd=tmp_path)
        assert ran.code == 6, ran.err
        assert "journal" in ran.last
        assert "a3" in ran.last
    hint = re.search(r"invoke (migrate\.stamp .*?--revision \w+)", ran.last)
    assert hint
    if left is None:
        assert rows(database, "SELECT to_regclass('alembic_version_a')") == [(None,)]
    else:
        assert sorted(versions(database, "a")) == left
    assert rows(database, "SELECT to_regclass('a_4')") == [(None,)]
    stamped = invoke(*hint[1].split(), cwd=tmp_path)
    assert stamped.code == 0, stamped.err
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    assert versions(database, "a") == ["a4"]
    assert nothing_left(database)


def test_25_a_downgrade_to_base_by_plain_alembic_is_no_loss(tmp_path: Path, database: Address) -> None:
    first = Rev(id="a1", up=table("a_1"), down='op.execute("DROP TABLE a_1")')
    build_monorepo(tmp_path, {"a": Svc(revisions=(first,))}, url=database.url())
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    with psycopg.connect(database.url()) as conn:
        conn.execute("DROP TABLE a_1; DELETE FROM alembic_version_a")
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    assert versions(database, "a") == ["a1"]


def test_35_a_password_works_encoded_and_is_explained_raw(tmp_path: Path, database: Address) -> None:
    """The tests' own password has `%`, `@` and `/`."""
    build_monorepo(tmp_path, {"a": Svc(revisions=five("pass"), env="async")}, url="postgresql://nobody@127.0.0.1:1/x")
    encoded = {"DATABASE_URL": database.url()}
    assert quote(PASSWORD, safe="") in encoded["DATABASE_URL"]
    assert invoke("migrate.apply", "--accept", "missing-downgrade", cwd=tmp_path, env=encoded).code == 0
    raw = database.url().replace(quote(PASSWORD, safe=""), PASSWORD)
    ran = invoke("migrate.apply", cwd=tmp_path, env={"DATABASE_URL": raw})
    assert ran.code == 2
    assert "%40" in ran.last
    assert "r/y" not in ran.err
    assert versions(database, "a") == ["a5"]


def test_37_leftovers_of_a_shell_change_nothing(tmp_path: Path, database: Address) -> None:
    """The variables of libpq, Alembic and Python: the children of a run do not see them."""
    astray = tmp_path / "astray"
    astray.mkdir()
    (astray / "models.py").write_text("raise SystemExit('the wrong models')\n")
    (astray / "alembic.ini").write_text("[alembic]\nscript_location = nowhere\n")
    (astray / "startup.py").write_text("raise SystemExit('startup')\n")
    env = {
        "PGHOST": "wrong.invalid",
        "PGHOSTADDR": "127.0.0.9",
        "PGPORT": "1",
        "PGDATABASE": "wrong",
        "PGSERVICE": "wrong",
        "PGOPTIONS": "-c default_transaction_read_only=on -c search_path=pg_catalog",
        "PGSSLMODE": "verify-full",
        "ALEMBIC_CONFIG": str(astray / "alembic.ini"),
        "PYTHONPATH": str(astray),
        "PYTHONSTARTUP": str(astray / "startup.py"),
    }
    root = tmp_path / "project"
    services = {"a": Svc(revisions=five("pass")), "b": Svc(revisions=(Rev(id="b1", up=table("b_1")),), env="async")}
    build_monorepo(root, services, url=database.url())
    ran = invoke("migrate.apply", cwd=root, env=env)
    assert ran.code == 0, ran.err
    assert (versions(database, "a"), versions(database, "b")) == (["a5"], ["b1"])
    told = invoke("doctor", "--format", "json", cwd=root, env=env)
    assert all(name in told.out for name in ("PGHOSTADDR", "ALEMBIC_CONFIG", "PYTHONPATH"))
    assert nothing_left(database)
