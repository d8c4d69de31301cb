"""`migrate.stamp` marks a revision only where the live schema is what it builds, and names the one that fits."""

from __future__ import annotations

from pathlib import Path

import psycopg

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo, table
from tests.running import rows, versions

REVISIONS = (
    Rev(id="s1", up=table("stamp_t")),
    Rev(id="s2", up='op.execute("ALTER TABLE stamp_t ADD name text")'),
    Rev(id="s3", up='op.execute("CREATE INDEX stamp_ix ON stamp_t (name)")'),
)


def test_a_wrong_stamp_is_refused_with_the_revision_that_fits(database: Address, tmp_path: Path) -> None:
    root = build_monorepo(tmp_path, {"stamp": Svc(revisions=REVISIONS)}, url=database.url())
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute("CREATE TABLE stamp_t (id bigint PRIMARY KEY, name text)")
    wrong = invoke("migrate.stamp", "--service", "stamp", cwd=root)
    assert wrong.code == 6
    assert "error[stamp]" in wrong.last
    assert "invoke migrate.stamp --service stamp --revision s2" in wrong.last
    assert "removed index public.stamp_ix" in wrong.err
    assert rows(database, "SELECT to_regclass('alembic_version_stamp')") == [(None,)]
    fits = invoke("migrate.stamp", "--service", "stamp", "--revision", "s2", cwd=root)
    assert fits.code == 0, fits.err
    assert versions(database, "stamp") == ["s2"]
    assert invoke("migrate.apply", cwd=root).code == 0
    assert versions(database, "stamp") == ["s3"]


def test_where_nothing_fits_the_nearest_is_named(database: Address, tmp_path: Path) -> None:
    root = build_monorepo(tmp_path, {"stamp": Svc(revisions=REVISIONS)}, url=database.url())
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute("CREATE TABLE stamp_t (id bigint PRIMARY KEY, name text, by_hand int)")
    ran = invoke("migrate.stamp", "--service", "stamp", "--revision", "s1", cwd=root)
    assert ran.code == 6
    assert "the nearest revision is s2, with 1 difference" in ran.last
