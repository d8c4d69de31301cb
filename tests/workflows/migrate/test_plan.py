"""`migrate.plan`: what pending revisions do to the tables that are there, seen on a copy and through the command."""

# ruff: noqa: E501, S608  a revision reads best on one line; the SQL is ours
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.invoke import Ran, invoke
from tests.monorepo import Rev, Svc, build_monorepo, table, write_revision
from tests.postgres_server import TestServer

BLOCK = "with op.get_context().autocommit_block():\n    "
PENDING = (
    Rev(id="p2", up='op.execute("ALTER TABLE plan_t ALTER n TYPE bigint")'),
    Rev(
        id="p3",
        up='op.execute("ALTER TABLE plan_t ADD CONSTRAINT later CHECK (n > 0) NOT VALID")\n'
        'op.execute("ALTER TABLE plan_t ADD CONSTRAINT now CHECK (n > 0)")\n'
        'op.execute("ALTER TABLE plan_t ALTER name SET NOT NULL")',
    ),
    Rev(id="p4", up=BLOCK + 'op.execute("CREATE INDEX CONCURRENTLY plan_ix ON plan_t (n)")\n    op.execute("UPDATE plan_t SET n = n WHERE id < 11")'),
    Rev(id="p5", up='op.execute("ALTER TABLE plan_t VALIDATE CONSTRAINT later")'),
    Rev(id="p6", up='op.create_index("plan_i2", "plan_t", ["name"])'),
    Rev(id="p7", up=table("plan_new") + '\nop.bulk_insert(sa.table("plan_u", sa.column("id")), [{"id": 1}, {"id": 2}])'),
    Rev(id="p8", up='op.drop_table("plan_t")'),
    Rev(id="p9", up='op.execute("CREATE INDEX plan_bad ON plan_u (id)")\nop.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = \'plan_bad\'::regclass")'),
)  # fmt: skip


@pytest.fixture(scope="module")
def live(server: TestServer) -> Iterator[Address]:
    """A database with 100 rows, and eight revisions that are not applied."""
    name = "plan_live"
    with psycopg.connect(server.address.url(), autocommit=True) as conn:
        conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        conn.execute(f"CREATE DATABASE {name}".encode())
    yield server.address.with_database(name)
    with psycopg.connect(server.address.url(), autocommit=True) as conn:
        conn.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="module")
def root(live: Address, tmp_path_factory: pytest.TempPathFactory) -> Path:
    first = Rev(id="p1", up=table("plan_t", "name text", "n int") + "\n" + table("plan_u"))
    made = build_monorepo(tmp_path_factory.mktemp("plan"), {"plan": Svc(revisions=(first,))}, url=live.url())
    applied = invoke("migrate.apply", cwd=made)
    assert applied.code == 0, applied.err
    with psycopg.connect(live.url(), autocommit=True) as conn:
        conn.execute("INSERT INTO plan_t SELECT g, 'x', g FROM generate_series(1, 100) g")
    parent = "p1"
    for revision in PENDING:
        write_revision(made / "services/plan", revision, parent)
        parent = revision.id
    return made


@pytest.fixture(scope="module")
def planned(root: Path) -> Ran:
    return invoke("migrate.plan", "--format", "json", cwd=root)


def told(ran: Ran, revision: str) -> dict[str, Any]:
    return next(r for r in ran.json["result"]["revisions"] if r["revision"] == revision)


def tables(ran: Ran, revision: str) -> dict[str, dict[str, Any]]:
    return {t["table"]: t for t in told(ran, revision)["tables"]}


def test_every_pending_revision_is_rehearsed_on_a_copy(planned: Ran) -> None:
    assert planned.code == 0, planned.err
    result = planned.json["result"]
    assert (result["rehearsed_on"], result["why"]) == ("a copy of the database", "")
    assert [r["revision"] for r in result["revisions"]] == [r.id for r in PENDING]


@pytest.mark.parametrize(
    ("revision", "lock", "stops"),
    [
        ("p2", "AccessExclusiveLock", "readers and writers"),
        ("p4", "ShareUpdateExclusiveLock", ""),
        ("p5", "ShareUpdateExclusiveLock", ""),
        ("p6", "ShareLock", "writers"),
        ("p8", "AccessExclusiveLock", "readers and writers"),
    ],
)
def test_the_strongest_lock_of_each_table(planned: Ran, revision: str, lock: str, stops: str) -> None:
    found = tables(planned, revision)["public.plan_t"]
    assert (found["lock"], found["stops"]) == (lock, stops)


def test_rewrites_rows_and_work_are_told(planned: Ran) -> None:
    found = {r.id: tables(planned, r.id).get("public.plan_t") for r in PENDING}
    assert [name for name, t in found.items() if t and t["rewritten"]] == ["p2"]
    assert [name for name, t in found.items() if t and t["dropped"]] == ["p8"]
    assert {t["rows"] for t in found.values() if t} == {100}
    assert found["p4"]
    assert found["p4"]["updated"] == 10
    assert found["p3"]
    assert found["p3"]["rows_read"] >= 100
    # a table that the revision makes itself is nobody else's yet
    inserted = {name: t["inserted"] for name, t in tables(planned, "p7").items()}
    assert inserted == {"public.plan_u": 2}


def test_constraints_say_whether_they_scan(planned: Ran) -> None:
    found = {c["constraint"]: c["check"] for c in told(planned, "p3")["constraints"]}
    not_null = found.pop("plan_t_name_not_null", None) or found.pop("name NOT NULL")
    assert (found, not_null) == ({"later": "not checked yet", "now": "scans the table"}, "scans the table")
    assert [c["check"] for c in told(planned, "p5")["constraints"]] == ["scans the table"]


def test_statements_are_those_that_were_executed(planned: Ran) -> None:
    def statements(revision: str) -> list[tuple[str, int, bool]]:
        return [(s["sql"], s["times"], s["outside"]) for s in told(planned, revision)["statements"]]

    assert statements("p2") == [("ALTER TABLE plan_t ALTER n TYPE bigint", 1, False)]
    assert [outside for _, _, outside in statements("p4")] == [True, True]
    assert statements("p6") == [("CREATE INDEX plan_i2 ON plan_t (name)", 1, False)]
    assert [times for _, times, _ in statements("p7")] == [1, 2]


def test_an_index_that_is_left_invalid_is_told(planned: Ran) -> None:
    left = {r.id: told(planned, r.id)["invalid_indexes"] for r in PENDING}
    assert {name: found for name, found in left.items() if found} == {"p9": ["public.plan_bad"]}


def test_the_database_itself_is_as_before(planned: Ran, live: Address) -> None:
    assert planned.code == 0
    with psycopg.connect(live.url()) as conn:
        assert conn.execute("SELECT version_num FROM alembic_version_plan").fetchall() == [("p1",)]
        assert conn.execute("SELECT count(*) FROM plan_t").fetchone() == (100,)
        left = conn.execute("SELECT datname FROM pg_database WHERE datname LIKE 'plan\\_live\\_\\_scratch%'").fetchall()
    assert left == []


def test_with_sessions_on_the_database_it_takes_an_empty_one_and_says_so(root: Path, live: Address) -> None:
    with psycopg.connect(live.url(), application_name="somebody"):
        ran = invoke("migrate.plan", "--service", "plan", "--to", "p2", cwd=root)
    assert ran.code == 0, ran.err
    assert "rehearsed on an empty database at the applied revisions" in ran.out
    assert "somebody" in ran.out
    row = next(line.split() for line in ran.out.splitlines() if line.startswith("public.plan_t"))
    assert row == ["public.plan_t", "0", "AccessExclusive", "readers", "and", "writers", "rewritten"]


def test_a_revision_that_fails_is_named_and_what_came_before_is_told(database: Address, tmp_path: Path) -> None:
    revisions = (Rev(id="f1", up=table("fail_t")), Rev(id="f2", up='op.execute("SELECT 1 / 0")'))
    root = build_monorepo(tmp_path, {"fail": Svc(revisions=revisions)}, url=database.url())
    ran = invoke("migrate.plan", "--format", "json", cwd=root)
    assert ran.code == 1
    assert "fail: f2" in ran.last
    assert "division by zero" in ran.last
    assert [r["revision"] for r in ran.json["result"]["revisions"]] == ["f1"]
    assert ran.json["result"]["failed"] == "fail f2"
    with psycopg.connect(database.url()) as conn:
        assert conn.execute("SELECT to_regclass('fail_t'), to_regclass('alembic_version_fail')").fetchone() == (
            None,
            None,
        )


def test_where_the_first_one_fails_nothing_is_said_to_be_pending_no_more(database: Address, tmp_path: Path) -> None:
    root = build_monorepo(
        tmp_path, {"fail": Svc(revisions=(Rev(id="f1", up='op.execute("SELECT 1 / 0")'),))}, url=database.url()
    )
    ran = invoke("migrate.plan", cwd=root)
    assert ran.code == 1
    assert "nothing is pending" not in ran.out
    assert "rehearsal failed at fail f1" in ran.out


def test_on_postgresql_15_not_null_is_seen_in_the_columns(older: TestServer, tmp_path: Path) -> None:
    address = older.address.with_database("plan_older")
    with psycopg.connect(older.address.url(), autocommit=True) as conn:
        conn.execute("CREATE DATABASE plan_older")
    revisions = (
        Rev(id="q1", up=table("plan_t", "name text", "n int NOT NULL")),
        Rev(id="q2", up='op.alter_column("plan_t", "name", nullable=False)'),
        Rev(id="q3", up=table("plan_u", "name text NOT NULL") + '\nop.alter_column("plan_t", "n", nullable=True)'),
    )
    root = build_monorepo(tmp_path, {"plan": Svc(revisions=revisions)}, url=address.url())
    applied = invoke("migrate.apply", "--service", "plan", "--to", "q1", cwd=root)
    assert applied.code == 0, applied.err
    ran = invoke("migrate.plan", "--format", "json", cwd=root)
    assert ran.code == 0, ran.err
    assert ran.json["result"]["rehearsed_on"] == "a copy of the database"
    not_null = {"table": "public.plan_t", "constraint": "name NOT NULL", "definition": "name NOT NULL"}
    found = {"check": "scans the table", "origin": "public.plan_t"}
    assert told(ran, "q2")["constraints"] == [not_null | found]
    # a table that the revision makes itself has no rows, and a NOT NULL that goes costs nothing
    assert told(ran, "q3")["constraints"] == []


def test_nothing_pending_is_said(database: Address, tmp_path: Path) -> None:
    root = build_monorepo(tmp_path, {"none": Svc()}, url=database.url())
    ran = invoke("migrate.plan", cwd=root)
    assert (ran.code, "nothing is pending" in ran.out) == (0, True)
