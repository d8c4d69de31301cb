"""What a roundtrip need not build again and what it must; what PostgreSQL itself cannot bring back is a remark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aegisdb.postgres.address import Address
from tests.invoke import Ran, invoke
from tests.monorepo import SYNC, Rev, Svc, build_monorepo, table

KEPT = SYNC.replace(
    'engine = engine_from_config(section, prefix="sqlalchemy.", poolclass=pool.NullPool)',
    """import sys
    if not hasattr(sys, "engine_of_the_test"):
        sys.engine_of_the_test = engine_from_config(section, prefix="sqlalchemy.", poolclass=pool.NullPool)
    engine = sys.engine_of_the_test""",
)
AGAIN = """
op.execute("CREATE TABLE IF NOT EXISTS app_1 (id bigint PRIMARY KEY)")
op.execute("DO $$ BEGIN IF to_regclass('app_s') IS NOT NULL THEN ALTER TABLE app_1 ADD again int; END IF; END $$")
op.execute("CREATE SEQUENCE IF NOT EXISTS app_s")
"""


COUNT = """
from pathlib import Path
with Path(__file__).with_name("upgrades").open("a") as file:
    file.write("1")
"""


def made(n: int, down: str | None = None) -> Rev:
    return Rev(
        id=f"a{n}", up=COUNT + table(f"app_{n}"), down=f'op.execute("DROP TABLE app_{n}")' if down is None else down
    )


def proofs(root: Path, database: Address, *revisions: Rev, **more: Any) -> tuple[Ran, list[dict[str, Any]]]:
    build_monorepo(root, {"app": Svc(revisions=revisions, **more)}, url=database.url())
    ran = invoke("migrate.roundtrip", "--all", "--format", "json", cwd=root, timeout=240)
    return ran, ran.json["services"][0]["revisions"]


def upgrades(root: Path) -> int:
    """How often a revision's upgrade ran: what a command tells on stderr depends on how long it takes."""
    return len((root / "services/app/alembic/versions/upgrades").read_text())


def test_a_process_that_keeps_its_engine_gets_a_new_one_for_the_second_database(
    tmp_path: Path, database: Address
) -> None:
    ran, found = proofs(tmp_path, database, Rev(id="a1", up=AGAIN), made(2), made(3), env=KEPT)
    assert [proof["status"] for proof in found] == ["failed", "proven", "proven"]
    assert "upgrade_differs" in {finding["code"] for finding in found[0]["findings"]}
    assert "a process of its own" in ran.err


def test_what_a_revision_keeps_in_its_process_does_not_spoil_the_next_database(
    tmp_path: Path, database: Address
) -> None:
    once = 'import sys\nif not hasattr(sys, "made_by_the_test"):\n    ' + table("app_2")
    once += "\nsys.made_by_the_test = True"
    two = Rev(id="a2", up=once, down='op.execute("DROP TABLE IF EXISTS app_2")')
    three = Rev(id="a3", up='op.execute("ALTER TABLE app_2 ADD x int")', down='op.execute("ALTER TABLE app_2 DROP x")')
    _, found = proofs(tmp_path, database, made(1), two, three)
    # a2 makes nothing the second time in one process: found, told, and a3 is proven where a2 ran for the first time
    assert [proof["status"] for proof in found] == ["proven", "failed", "proven"]


def test_the_real_error_is_told_where_what_is_below_does_not_build_again(tmp_path: Path, database: Address) -> None:
    mark = tmp_path / "ran"
    once = f"import pathlib\nwhere = pathlib.Path({str(mark)!r})\nn = len(where.read_text()) if where.exists() else 0\n"
    once += (
        f"where.write_text('x' * (n + 1))\nif n == 1: {table('app_more')}\nif n > 1: raise ValueError('only twice')\n"
    )
    once += table("app_1").replace("TABLE", "TABLE IF NOT EXISTS")
    first = Rev(id="a1", up=once, down='op.execute("DROP TABLE app_1")')
    ran, found = proofs(tmp_path, database, first, made(2), made(3))
    assert ran.code == 6
    assert [proof["status"] for proof in found] == ["failed", "not reached", "not reached"]
    assert [finding["code"] for finding in found[1]["findings"]] == ["below_failed"]
    assert "only twice" in found[1]["findings"][0]["detail"]
    assert found[2]["findings"] == []


@pytest.mark.parametrize("down", ["pass", "raise NotImplementedError", 'op.execute("DROP TABLE nothing_there")'])
def test_a_downgrade_that_does_nothing_costs_no_database(tmp_path: Path, database: Address, down: str) -> None:
    _, found = proofs(tmp_path, database, *(made(n, down) for n in range(1, 7)), made(7))
    assert [proof["status"] for proof in found] == ["failed"] * 6 + ["proven"]
    code = "left_behind" if down == "pass" else "downgrade_failed"
    assert all(code in {finding["code"] for finding in proof["findings"]} for proof in found[:6])
    assert upgrades(tmp_path) <= 14, "a new database for each would make more than twenty"


def test_a_file_without_the_function_is_told_and_the_rest_goes_on_there(tmp_path: Path, database: Address) -> None:
    build_monorepo(tmp_path, {"app": Svc(revisions=tuple(map(made, range(1, 5))))}, url=database.url())
    for name in ("a1", "a2", "a3"):
        path = tmp_path / "services/app/alembic/versions" / f"{name}.py"
        path.write_text(path.read_text().partition("def downgrade")[0])
    ran = invoke("migrate.roundtrip", "--all", "--format", "json", cwd=tmp_path, timeout=240)
    found = ran.json["services"][0]["revisions"]
    assert [proof["status"] for proof in found] == ["failed", "failed", "failed", "proven"]
    assert {proof["findings"][0]["detail"] for proof in found[:3]} == {"the file has no downgrade()"}
    (problem,) = ran.json["errors"]
    assert problem["message"] == "app: 3 revisions have no downgrade(): a1, a2, a3"
    assert "`one_way: true` for app" in problem["hint"]
    assert upgrades(tmp_path) == 5


def test_a_downgrade_that_commits_before_it_fails_gets_a_new_database(tmp_path: Path, database: Address) -> None:
    half = 'with op.get_context().autocommit_block():\n    op.execute("INSERT INTO app_1 VALUES (1)")\nraise ValueError'
    more = Rev(
        id="a2",
        up='op.execute("ALTER TABLE app_1 ADD CHECK (id > 5)")',
        down='op.execute("ALTER TABLE app_1 DROP CONSTRAINT app_1_id_check")',
    )
    _, found = proofs(tmp_path, database, made(1, half), more)
    assert [proof["status"] for proof in found] == ["failed", "proven"]


def test_no_downgrades_by_policy_is_told_once(tmp_path: Path, database: Address) -> None:
    ran, found = proofs(tmp_path, database, made(1), made(2, "pass"), made(3), more={"one_way": True})
    assert ran.code == 0, ran.err
    assert [proof["status"] for proof in found] == ["one way"] * 3
    assert [len(proof["notes"]) for proof in found] == [1, 0, 0]
    assert "`one_way: true`" in found[0]["notes"][0]
    assert upgrades(tmp_path) == 3
    linted = invoke("migrate.lint", "--all", "--format", "json", cwd=tmp_path).json
    assert "missing-downgrade" not in repr(linted)
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    refused = invoke("migrate.rollback", "--service", "app", "--yes", cwd=tmp_path)
    assert (refused.code, "error[one_way]" in refused.err) == (3, True)


def test_not_null_that_comes_back_under_the_name_of_another_column_is_a_remark(
    tmp_path: Path, database: Address
) -> None:
    first = Rev(
        id="a1",
        up='op.execute("CREATE TABLE app_1 (old int NOT NULL, named int CONSTRAINT must_be NOT NULL)")',
        down='op.execute("DROP TABLE app_1")',
    )
    up = 'op.alter_column("app_1", "old", new_column_name="new", nullable=True)'
    down = 'op.alter_column("app_1", "new", nullable=False)\nop.alter_column("app_1", "new", new_column_name="old")'
    forgets = Rev(
        id="a3",
        up='op.alter_column("app_1", "named", nullable=True)',
        down='op.alter_column("app_1", "named", nullable=False)',
    )
    _, found = proofs(tmp_path, database, first, Rev(id="a2", up=up, down=down), forgets)
    assert [proof["status"] for proof in found] == ["proven", "proven", "failed"]
    assert "NOT NULL comes back under another name" in found[1]["notes"][0]
    assert "must_be" in found[2]["findings"][0]["detail"]
