"""What migrate.apply looks at before it runs anything: refused where people rely on the database, told elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres import databases
from aegisdb.postgres.address import Address
from aegisdb.postgres.markers import mark
from tests.invoke import Ran, invoke
from tests.monorepo import Rev, Svc, build_monorepo, table, write_revision

FIRST = Rev(id="a1", up=table("a_t"), down='op.drop_table("a_t")')
COLUMN = 'op.add_column("a_t", sa.Column("n", sa.Integer))'
CLEAN = Rev(id="a2", up=COLUMN, down='op.drop_column("a_t", "n")')
ONE_WAY = Rev(id="a2", up=COLUMN)
RENAME = 'op.rename_table("a_t", "a_u")'
FOREIGN = Rev(id="a2", up=COLUMN.replace("a_t", "b_t"), down='op.drop_column("b_t", "n")')


def ready(root: Path, database: Address, pending: Rev, *gate: str) -> Path:
    """`a` with its first revision applied and one pending; `gate` is the target's key, absent where it is empty."""
    services = {"a": Svc(revisions=(FIRST,)), "b": Svc(revisions=(Rev(id="b1", up=table("b_t")),))}
    build_monorepo(root, services, url=database.url())
    assert invoke("migrate.apply", cwd=root).code == 0
    path = root / "services.yaml"
    document = json.loads(path.read_text())
    if gate:
        document["targets"]["local"]["gate"] = list(gate)
    else:
        del document["targets"]["local"]["gate"]
    path.write_text(json.dumps(document))
    write_revision(root / "services/a", pending, "a1")
    return root


def applied(database: Address) -> str:
    with psycopg.connect(database.url()) as conn:
        row = conn.execute("SELECT version_num FROM alembic_version_a").fetchone()
    return row[0] if row else ""


def apply(root: Path, *words: str) -> Ran:
    return invoke("migrate.apply", *words, cwd=root)


@pytest.mark.parametrize(("pending", "code"), [(ONE_WAY, "missing-downgrade"), (FOREIGN, "foreign-object")])
def test_what_the_files_say_stops_an_apply_until_it_is_accepted(
    database: Address, tmp_path: Path, pending: Rev, code: str
) -> None:
    root = ready(tmp_path, database, pending)
    ran = apply(root)
    assert (ran.code, applied(database)) == (3, "a1")
    assert "error[gate]" in ran.last
    assert f"{code}: services/a/alembic/versions/a2.py:" in ran.last
    assert f"--accept {code}" in ran.last
    assert apply(root, "--accept", "tampered").code == 3
    ran = apply(root, "--accept", f"tampered,{code}")
    assert (ran.code, applied(database)) == (0, "a2")
    assert code in ran.out


def test_a_clean_revision_goes_through(database: Address, tmp_path: Path) -> None:
    ran = apply(ready(tmp_path, database, CLEAN))
    assert (ran.code, applied(database)) == (0, "a2")
    assert "missing-downgrade" not in ran.out


def test_an_ignore_with_a_reason_counts(database: Address, tmp_path: Path) -> None:
    root = ready(tmp_path, database, ONE_WAY)
    path = root / "services/a/alembic/versions/a2.py"
    path.write_text(
        path.read_text().replace("def downgrade():", "def downgrade():  # aegisdb: ignore[missing-downgrade] why not")
    )
    assert apply(root).code == 0


def test_an_applied_file_that_was_edited(database: Address, tmp_path: Path) -> None:
    root = ready(tmp_path, database, CLEAN)
    path = root / "services/a/alembic/versions/a1.py"
    path.write_text(path.read_text().replace("id bigint", "id integer"))
    ran = apply(root)
    assert (ran.code, applied(database)) == (3, "a1")
    assert "a a1 is applied, and its code was changed since then" in ran.last
    assert apply(root, "--accept", "tampered").code == 0


def test_drift_where_the_target_asks_for_it(database: Address, tmp_path: Path) -> None:
    root = ready(tmp_path, database, CLEAN, "drift")
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute("ALTER TABLE a_t ADD COLUMN hand text")
    ran = apply(root)
    assert (ran.code, applied(database)) == (3, "a1")
    assert "a_t.hand" in ran.last
    assert apply(root, "--service", "a").code == 3
    assert apply(root, "--accept", "drift").code == 0


def test_a_proof_is_remembered_for_as_long_as_the_code_is_the_same(database: Address, tmp_path: Path) -> None:
    root = ready(tmp_path, database, CLEAN, "roundtrip")
    ran = apply(root)
    assert (ran.code, "no roundtrip has proven a a2" in ran.last) == (3, True)
    assert invoke("migrate.roundtrip", "--pending", cwd=root).code == 0
    path = root / "services/a/alembic/versions/a2.py"
    text = path.read_text()
    path.write_text(text.replace("sa.Integer", "sa.BigInteger"))
    assert apply(root).code == 3
    path.write_text(text + "\n# a comment\n")
    assert apply(root).code == 0


def test_a_rehearsal_where_the_target_asks_for_it(database: Address, tmp_path: Path) -> None:
    retype = 'op.alter_column("a_t", "id", type_=sa.Text, postgresql_using="id::text")'
    pending = Rev(id="a2", up=retype, down=retype.replace("sa.Text", "sa.BigInteger").replace("::text", "::bigint"))
    root = ready(tmp_path, database, pending, "plan")
    assert apply(root, "--dry-run").out.count("plan:") == 0, "a few rows are no reason"
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute("INSERT INTO a_t SELECT generate_series(1, 10000)")
    ran = apply(root)
    assert (ran.code, applied(database)) == (3, "a1"), ran.err
    assert "a a2 rewrites public.a_t (10000 rows or more) while readers and writers wait" in ran.last
    path = root / "services/a/alembic/versions/a2.py"
    path.write_text(path.read_text().replace("id::text", "nowhere::text"))
    ran = apply(root, "--service", "a")
    assert (ran.code, applied(database)) == (3, "a1")
    assert "a a2 fails in rehearsal" in ran.last
    assert "nowhere" in ran.last


def test_a_dry_run_says_what_the_gate_would(database: Address, tmp_path: Path) -> None:
    root = ready(tmp_path, database, ONE_WAY)
    ran = apply(root, "--dry-run")
    assert (ran.code, applied(database)) == (0, "a1")
    assert "missing-downgrade: downgrade() does nothing" in ran.out
    assert "the gate would apply nothing without --accept missing-downgrade" in ran.out
    ran = apply(root, "--dry-run", "--accept", "missing-downgrade")
    assert "would apply nothing" not in ran.out
    with databases.maintenance(database) as conn:
        mark(conn, database.database, "test")
    ran = apply(root, "--dry-run")
    assert "missing-downgrade: downgrade() does nothing" in ran.out
    assert "would apply nothing" not in ran.out


def test_a_disposable_database_is_only_told(database: Address, tmp_path: Path) -> None:
    root = ready(tmp_path, database, ONE_WAY)
    with databases.maintenance(database) as conn:
        mark(conn, database.database, "test")
    ran = apply(root)
    assert (ran.code, applied(database)) == (0, "a2")
    assert "missing-downgrade: downgrade() does nothing" in ran.out


def test_an_empty_gate_looks_at_nothing(database: Address, tmp_path: Path) -> None:
    root = ready(tmp_path, database, ONE_WAY)
    path = root / "services.yaml"
    document = json.loads(path.read_text())
    document["targets"]["local"]["gate"] = []
    path.write_text(json.dumps(document))
    assert apply(root).code == 0


def test_a_code_that_is_none_is_a_mistake_of_typing(database: Address, tmp_path: Path) -> None:
    ran = apply(ready(tmp_path, database, CLEAN), "--accept", "everything")
    assert ran.code == 2
    assert "foreign-object, missing-downgrade, tampered, drift, roundtrip, plan" in ran.last


def test_a_rehearsal_of_a_table_that_is_renamed_first(database: Address, tmp_path: Path) -> None:
    """Its new name is none of the live database's, which has the rows under the old one."""
    root = ready(tmp_path, database, Rev(id="a2", up=RENAME, down='op.rename_table("a_u", "a_t")'), "plan")
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute("INSERT INTO a_t SELECT generate_series(1, 10000)")
    retype = 'op.alter_column("a_u", "id", type_=sa.Numeric)'
    check = 'op.create_check_constraint("c", "a_u", "id > 0")'
    drop = 'op.drop_table("a_u")'
    last = "a2"
    for identifier, up in (("a3", check), ("a4", retype), ("a5", drop)):
        write_revision(root / "services/a", Rev(id=identifier, up=up, down="op.execute('SELECT 1')"), last)
        last = identifier
    found = apply(root, "--dry-run").out
    assert "a a3 scans the table public.a_u (10000 rows or more) for c" in found
    assert "a a4 rewrites public.a_u (10000 rows or more)" in found
    assert "a a5 drops public.a_u, which has rows" in found
