"""psql makes of a script what the upgrade and the downgrade make, from anywhere to anywhere."""

# ruff: noqa: E501, S608  a statement reads best on one line; the SQL is ours
from __future__ import annotations

import subprocess
from pathlib import Path

import psycopg
import pytest

from aegisdb.fingerprint import Fingerprint, diff, read
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.postgres.psql import login
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo, table
from tests.postgres_server import BIN

OUTSIDE = "with op.get_context().autocommit_block():\n    "
HISTORY = (
    Rev(id="a1", up=table("a_t", "note text DEFAULT 'a:b ''c'' \\\\'"), down='op.drop_table("a_t")'),
    Rev(
        id="a2",
        up='op.execute("CREATE TYPE a_kind AS ENUM (\'x\')")\nop.execute("ALTER TABLE a_t ADD kind a_kind")',
        down='op.execute("ALTER TABLE a_t DROP kind")\nop.execute("DROP TYPE a_kind")',
    ),
    Rev(id="a3", up=OUTSIDE + "op.execute(\"ALTER TYPE a_kind ADD VALUE 'y:z'\")", down="pass", head='one_way = "x"'),
    Rev(
        id="a4",
        up=OUTSIDE + 'op.create_index("a_i", "a_t", ["kind"], postgresql_concurrently=True)',
        down=OUTSIDE + 'op.drop_index("a_i", "a_t", postgresql_concurrently=True)',
    ),
    Rev(
        id="a5",
        up='op.execute("CREATE SCHEMA IF NOT EXISTS side")\nop.execute("SET search_path = side, public")\n'
        'op.execute("SET ROLE pg_monitor")\nop.execute("RESET ROLE")\nop.execute("CREATE TEMPORARY TABLE a_5 (id int)")',
        down='op.execute("SET search_path = side, public")\nop.execute("DROP SCHEMA side")',
    ),
    Rev(
        id="a6",
        up=table("a_5") + '\nop.bulk_insert(sa.table("a_5", sa.column("id")), [{"id": 7}])',
        down='op.drop_table("a_5")',
    ),
    Rev(
        id="a7",
        up="op.execute(\"CREATE FUNCTION a_f() RETURNS text LANGUAGE sql AS $$ SELECT '\\\\! x'::text; $$\")",
        down='op.execute("DROP FUNCTION a_f")',
    ),
)
WAYS = (("base", "a7"), ("a1", "a4"), ("a2", "a3"), ("a4", "a7"), ("a7", "a4"), ("a5", "a3"), ("a2", "base"))  # fmt: skip


def by_psql(database: Address, script: str) -> None:
    with login(database, application="test") as (variables, descriptors):
        done = subprocess.run(
            [BIN / "psql", "-X", "-q"],
            check=False,
            env=variables,
            pass_fds=descriptors,
            input=script,
            text=True,
            capture_output=True,
        )
    assert done.returncode == 0, done.stderr


def state_of(database: Address, schema: str) -> tuple[Fingerprint, object, object]:
    """Schema, rows and version table."""
    with connect(database) as conn:
        rows = conn.value("SELECT to_regclass(%s)", (f"{schema}.a_5",)) and conn.rows(f"SELECT id FROM {schema}.a_5")
        version = f"{schema}.alembic_version_a"
        at = conn.value("SELECT to_regclass(%s)", (version,)) and conn.rows(f"SELECT version_num FROM {version}")
        return read(conn).only(lambda key: "aegisdb" not in key), rows, at or []


@pytest.mark.parametrize(("start", "end"), WAYS)
@pytest.mark.parametrize("schema", [None, "own"])
def test_psql_gets_where_the_suite_gets(
    database: Address, tmp_path: Path, start: str, end: str, schema: str | None
) -> None:
    if schema and start != "base":
        pytest.skip("one way is enough")
    more = {"schema": schema} if schema else {}
    root = build_monorepo(tmp_path, {"a": Svc(revisions=HISTORY, more=more)}, url=database.url())
    if start != "base":
        assert invoke("migrate.apply", "--service", "a", "--to", start, cwd=root).code == 0
    script = invoke("migrate.sql", "--service", "a", "--from", start, "--to", end, cwd=root)
    assert script.code == 0, script.err
    with psycopg.connect(database.with_database("postgres").url(), autocommit=True) as conn:
        copy = f"{database.database}_copy"
        conn.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{database.database}"'.encode())
    by_psql(database.with_database(copy), script.out)
    ids = [revision.id for revision in HISTORY]
    if start == "base" or (end != "base" and end > start):
        ran = [invoke("migrate.apply", "--service", "a", "--to", end, cwd=root)]
    else:
        steps = ids.index(start) - (ids.index(end) if end != "base" else -1)
        ran = [invoke("migrate.rollback", "--service", "a", "--yes", cwd=root) for _ in range(steps)]
    assert [one.err for one in ran if one.code] == []
    mine, theirs = (state_of(address, schema or "public") for address in (database, database.with_database(copy)))
    assert list(map(str, diff(mine[0], theirs[0]))) == []
    assert mine[1:] == theirs[1:]


def test_what_a_base_file_makes_is_in_no_script(database: Address, tmp_path: Path) -> None:
    more = {"base": "made.sql", "stamp": "a1"}
    root = build_monorepo(tmp_path, {"a": Svc(revisions=HISTORY[:2], more=more)}, url=database.url())
    (root / "made.sql").write_text("CREATE TABLE a_t (id bigint);\n")
    for words in ([], ["--from", "base"]):
        ran = invoke("migrate.sql", "--service", "a", *words, cwd=root)
        assert ran.code == 1
        assert "a begins with made.sql, which no script contains" in ran.last
    assert invoke("migrate.sql", "--service", "a", "--from", "a1", cwd=root).code == 0
