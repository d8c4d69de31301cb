"""Tests of revisions, run by the roundtrip and by ci: rows before, rows after, in both directions."""

# ruff: noqa: E501, S608  a revision reads best on one line; the SQL is ours
from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from aegisdb.postgres.address import Address
from tests.invoke import Ran, invoke
from tests.monorepo import Rev, Svc, build_monorepo, table, write


def sql(*statements: str) -> str:
    return "\n".join(f"op.execute({statement!r})" for statement in statements)


def backfill(where: str) -> Rev:
    """A backfill with its way back."""
    up = sql("ALTER TABLE t ADD level int", f"UPDATE t SET level = 0 WHERE {where}")
    return Rev(id="r2", up=up, down=sql("ALTER TABLE t DROP level"))


R1 = Rev(id="r1", up=table("t", "name text, at timestamptz DEFAULT '2020-01-01Z'") + "\n" + sql("INSERT INTO t VALUES (9, 'given')"), down=sql("DROP TABLE t"))  # fmt: skip
TEST = """
BEFORE = {"t": [{"id": 1, "name": "a", "at": "2026-01-01 00:00:00Z"}, {"id": 2, "name": None}]}
AFTER = {"t": [{"id": 2, "level": 0}, {"id": 1, "name": "a", "level": 0, "at": "2026-01-01T01:00:00+01:00"}]}
"""


def prove(root: Path, *flags: str) -> Ran:
    return invoke("migrate.roundtrip", "--format", "json", *(flags or ("--all",)), cwd=root)


def proof(ran: Ran, revision: str = "r2") -> dict[str, Any]:
    return next(p for s in ran.json["services"] for p in s["revisions"] if p["revision"] == revision)


def details(ran: Ran, revision: str = "r2") -> list[str]:
    return [finding["detail"] for finding in proof(ran, revision)["findings"]]


def one(root: Path, database: Address, *revisions: Rev, test: str, name: str = "r2_test.py", **more: Any) -> Path:
    build_monorepo(root, {"s": Svc(revisions=revisions, owns=("*",), **more)}, url=database.url())
    write(root / "services/s/alembic/tests" / name, test)
    return root


def test_a_backfill_with_a_wrong_where_fails_with_the_rows_that_differ(tmp_path: Path, database: Address) -> None:
    root = one(tmp_path, database, R1, backfill("name <> ''"), test=TEST)
    ran = prove(root)
    assert ran.code == 6
    (finding,) = proof(ran)["findings"]
    assert (finding["code"], finding["detail"]) == ("rows_differ", "after upgrade: t id=2: level is NULL, expected 0")
    # the row that r1 gave is not the test's: it may stay as it was
    one(tmp_path, database, R1, backfill("id < 9"), test=TEST)
    assert prove(root).code == 0
    # plain Alembic goes on beside it
    plain = subprocess.run(
        [sys.executable, "-m", "alembic", "heads"], cwd=root / "services/s", capture_output=True, text=True, check=True
    )
    assert plain.stdout.startswith("r2")


def test_rows_that_nobody_expects_and_rows_of_others_that_change_are_told(tmp_path: Path, database: Address) -> None:
    more = Rev(id="r2", up=sql("DELETE FROM t WHERE id = 1", "INSERT INTO t (id) VALUES (7) ON CONFLICT DO NOTHING", "UPDATE t SET name = 'x' WHERE id = 9"), down="pass")  # fmt: skip
    test = 'BEFORE = {"t": [{"id": 1}]}\nAFTER = {"t": [{"id": 1}]}\nREVERTED = {"nowhere": [{"id": 1}]}'
    found = details(prove(one(tmp_path, database, R1, more, test=test)))
    assert found[0] == "after upgrade: t: id=1 is expected and not there"
    assert [line.partition(",")[0] for line in found[1:3]] == ['after upgrade: t: at="2020-01-01T00:00:00+00:00"'] * 2  # fmt: skip
    assert found[3] == "after downgrade: nowhere: there is no such table"


def test_the_way_back_is_tested_on_the_same_rows(tmp_path: Path, database: Address) -> None:
    lossy = Rev(id="r2", up=sql("UPDATE t SET name = lower(name)"), down="pass")
    test = 'BEFORE = {"t": [{"id": 1, "name": "A"}]}\nAFTER = {"t": [{"id": 1, "name": "a"}]}\n'
    assert details(prove(one(tmp_path, database, R1, lossy, test=test))) == [
        'after downgrade: t id=1: name is "a", expected "A"'
    ]
    root = one(tmp_path, database, R1, lossy, test=test + 'REVERTED = {"t": [{"id": 1, "name": "a"}]}')
    assert prove(root).code == 0
    root = one(tmp_path, database, R1, lossy, test=test, more={"one_way": True})
    assert prove(root).code == 0


def test_a_test_that_does_not_run_is_a_fault(tmp_path: Path, database: Address) -> None:
    tests = {
        "r2": ('BEFORE = {"nowhere": [{}]}', "test_failed", "there is no table nowhere"),
        "r3": ('BEFORE = {"t": [{"nothing": 1}]}', "test_failed", "table t has no column nothing"),
        "r4": ('BEFORE = {"t": [{"id": "x"}]}', "test_failed", "invalid input syntax for type bigint"),
        "r5": ("import os", "test_failed", "r5_test.py:1 is none of BEFORE, AFTER, REVERTED"),
        "r6": ('BEFORE = {"t": [{"id": 3, "name": "bad"}]}', "test_upgrade_failed", "division by zero"),
    }
    picky = sql("SELECT 1 / (CASE name WHEN 'bad' THEN 0 ELSE 1 END) FROM t")
    root = one(tmp_path, database, R1, *(Rev(id=name, up=picky) for name in tests), test="")
    for name, (test, _, _) in tests.items():
        write(root / f"services/s/alembic/tests/{name}_test.py", test)
    ran = prove(root)
    for name, (_, code, said) in tests.items():
        (finding,) = proof(ran, name)["findings"]
        assert finding["code"] == code
        assert said in finding["detail"]


def test_kinds_of_values_and_a_service_with_a_schema_and_needs(tmp_path: Path, database: Address) -> None:
    columns = "tags text[], facts jsonb, raw bytea, n numeric(6, 2), owner bigint REFERENCES public.other_t, g int GENERATED ALWAYS AS IDENTITY"
    services = {
        "other": Svc(revisions=(Rev(id="o1", up=table("other_t"), down=sql("DROP TABLE other_t")),)),
        "s": Svc(
            revisions=(
                Rev(id="r1", up=table("own.s_t", columns), down=sql("DROP TABLE own.s_t")),
                Rev(id="r2", up=sql("UPDATE own.s_t SET n = n * 2, tags = tags || '{z}'"), down=sql("UPDATE own.s_t SET n = n / 2, tags = array_remove(tags, 'z')")),
            ),
            owns=("own.*",), schema="own", after=("other",),
        ),
    }  # fmt: skip
    root = build_monorepo(tmp_path, services, url=database.url())
    row = '{"id": 1, "tags": ["a", None], "facts": {"k": [1]}, "raw": b"\\x00\\xff", "owner": 5, "g": 8, "n": '
    test = f'BEFORE = {{"public.other_t": [{{"id": 5}}], "s_t": [{row} 1.5}}]}}\nAFTER = {{"own.s_t": [{{"n": "3", "tags": ["a", None, "z"], "g": 8}}]}}\n'
    write(root / "services/s/alembic/tests/r2_test.py", test)
    ran = prove(root)
    assert (ran.code, details(ran)) == (0, []), ran.err


def test_each_test_is_run_on_a_database_at_its_own_parent(tmp_path: Path, database: Address) -> None:
    root = one(tmp_path, database, R1, backfill("id < 9"), Rev(id="r3", up=sql("UPDATE t SET level = 1 WHERE level IS NULL"), down="pass"), test=TEST)  # fmt: skip
    write(
        root / "services/s/alembic/tests/r3_test.py",
        'BEFORE = {"t": [{"id": 1}]}\nAFTER = {"t": [{"id": 1, "level": 2}]}',
    )
    write(root / "services/s/alembic/tests/r1_test.py", 'AFTER = {"t": [{"id": 9, "name": "given"}]}')
    ran = prove(root)
    assert (details(ran, "r1"), details(ran, "r2")) == ([], [])
    assert details(ran, "r3")[0] == "after upgrade: t id=1: level is 1, expected 2"
    # what is not in scope is not run
    assert [p["revision"] for s in prove(root, "--last", "1").json["services"] for p in s["revisions"]] == ["r3"]


def test_a_skeleton_is_written_told_and_belongs_to_its_revision(tmp_path: Path, database: Address) -> None:
    root = one(tmp_path, database, R1, test="BEFORE = {}", name="gone_test.py")
    ran = prove(root)
    assert ran.code == 6
    assert "gone_test.py is the test of no revision" in ran.err
    (root / "services/s/alembic/tests/gone_test.py").unlink()
    ran = invoke("migrate.new", "--service", "s", "-m", "two", "--empty", "--with-test", "--format", "json", cwd=root)
    made = ran.json["result"]
    assert made["test"] == made["path"].replace("/versions/", "/tests/").replace(".py", "_test.py")
    notes = proof(prove(root), made["revision"])["notes"]
    assert notes == ["its test names no row yet"]


def test_ci_runs_them(tmp_path: Path, database: Address) -> None:
    root = one(tmp_path, database, R1, backfill("false"), test=TEST)
    ran = invoke("ci", cwd=root)
    assert ran.code == 6
    assert "gives other rows than its test: after upgrade: t id=2: level is NULL, expected 0" in ran.err
