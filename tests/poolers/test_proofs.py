"""References and proofs of a target that gets no database of ours: a managed role, `protected`, a standby, a pooler."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from aegisdb.fingerprint import diff, read
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from tests.invoke import Ran, invoke
from tests.poolers.conftest import rows
from tests.postgres_server import TestServer, start_server

COMPARING = (("migrate.verify",), ("db.verify",), ("service.owners",))
PROVING = (
    ("migrate.roundtrip", "--all"),
    ("migrate.roundtrip", "--with-data"),
    ("seed.prove",),
    ("deploy.prove",),
)


@pytest.fixture(scope="module")
def others(server: TestServer) -> Iterator[TestServer]:
    """A server of the same version that stands for the one with proofs."""
    del server
    running = start_server()
    yield running
    running.stop()


def choose(shop: Path, **targets: dict[str, object]) -> None:
    """Give the registry these targets beside `local`, and the model-less service something to agree with."""
    path = shop / "services.yaml"
    document = json.loads(path.read_text())
    document["targets"] |= targets
    path.write_text(json.dumps(document))


def typed(shop: Path, target: str, *words: str) -> Ran:
    return invoke(*words, "--target", target, cwd=shop)


def ours(address: Address) -> list[tuple[object, ...]]:
    """Databases beside the target's, told by their names."""
    return rows(address, "SELECT datname FROM pg_database WHERE datname ~ '__(tpl|scratch|snap)_'")


def model(shop: Path) -> None:
    """Models that say what the history builds, and a deploy file that may run again."""
    (shop / "deploy" / "a.sql").write_text("CREATE TABLE IF NOT EXISTS run_count (n int);\n")
    (shop / "services" / "shop" / "models.py").write_text(
        "import sqlalchemy as sa\n"
        "from sqlalchemy.orm import DeclarativeBase\n"
        "class Base(DeclarativeBase):\n    pass\n"
        "columns = sa.Column('id', sa.BigInteger, primary_key=True, autoincrement=False), sa.Column('n', sa.Integer)\n"
        "sa.Table('shop_items', Base.metadata, *columns)\n"
    )


def test_all_proofs_work_for_a_managed_role_and_its_server_gets_none(
    shop: Path, server: TestServer, managed: Address, others: TestServer
) -> None:
    del server
    model(shop)
    before = ours(replace(managed, user="aegis"))
    elsewhere = others.address.with_database("proofs")
    choose(
        shop,
        live={"url": managed.url(), "protected": True, "proof": "elsewhere"},
        elsewhere={"url": elsewhere.url(), "proof": "elsewhere"},
    )
    words: tuple[str, ...]
    for words in (("migrate.apply",), ("seed.run",), ("deploy.apply",)):
        ran = typed(shop, "live", *words)
        assert ran.code == 0, (words, ran.err)
    for words in (*COMPARING, *PROVING, ("migrate.stamp", "--service", "shop", "--revision", "a2")):
        ran = typed(shop, "live", *words)
        assert ran.code == 0, (words, ran.out, ran.err)
    assert "tried on a new database on target elsewhere" in typed(shop, "live", "seed.prove").out
    assert typed(shop, "live", "migrate.rollback", "--service", "shop", "--yes").code == 0
    planned = typed(shop, "live", "migrate.plan", "--format", "json")
    assert planned.code == 0, planned.err
    assert planned.json["result"]["rehearsed_on"] == "an empty database at the applied revisions"
    with psycopg.connect(managed.url(), autocommit=True) as conn:
        conn.execute("ALTER TABLE shop_items ADD COLUMN by_hand int")
    drifted = typed(shop, "live", "migrate.verify")
    assert drifted.code == 6
    assert "column public.shop_items.by_hand" in drifted.err
    assert ours(replace(managed, user="aegis")) == before
    assert ours(others.address)  # two targets with the same histories share these


def test_without_a_place_for_them_they_are_refused_before_anything_is_made(shop: Path, managed: Address) -> None:
    before = ours(replace(managed, user="aegis"))
    for protected in (False, True):
        choose(shop, live={"url": managed.url(), "protected": protected})
        for words in (*COMPARING, *PROVING):
            ran = typed(shop, "live", *words, "--format", "json")
            assert (ran.code, [e["code"] for e in ran.json["errors"]]) == (3, ["no_proof_server"]), (words, ran.err)
            assert "proof:" in ran.last
    assert ours(replace(managed, user="aegis")) == before


def test_another_major_version_is_refused_by_name(shop: Path, managed: Address, older: TestServer) -> None:
    model(shop)
    elsewhere = older.address.with_database("proofs")
    choose(
        shop,
        live={"url": managed.url(), "proof": "elsewhere"},
        elsewhere={"url": elsewhere.url(), "proof": "elsewhere"},
    )
    said = typed(shop, "live", "doctor", "--format", "json").json["errors"]  # with revisions that are pending
    assert "does_not_build" not in {error["code"] for error in said}, said
    (unknown,) = (error for error in said if error["code"] == "exists_already")
    assert "PostgreSQL 18, and its reference would be built by PostgreSQL 15" in unknown["message"]
    assert typed(shop, "live", "migrate.apply").code == 0
    for words in (("migrate.verify",), ("db.verify",)):
        ran = typed(shop, "live", *words, "--format", "json")
        assert (ran.code, [e["code"] for e in ran.json["errors"]]) == (3, ["proof_version"]), ran.err
        assert "PostgreSQL 18" in ran.last
        assert "PostgreSQL 15" in ran.last
    proven = typed(shop, "live", "migrate.roundtrip", "--all")  # nothing of it is compared with the live schema
    assert proven.code == 0, proven.err


def test_through_a_pooler_that_shares_sessions(
    shop: Path, database: Address, shared: Address, others: TestServer
) -> None:
    model(shop)
    pooler, elsewhere = shared.with_database(database.database), others.address.with_database("proofs")
    words: tuple[str, ...]
    for words in (("migrate.apply",), ("deploy.apply",)):
        assert invoke(*words, cwd=shop).code == 0
    choose(
        shop,
        live={"url": pooler.url(), "proof": "elsewhere"},
        elsewhere={"url": elsewhere.url(), "proof": "elsewhere"},
    )
    for words in (("migrate.verify",), ("service.owners",), ("migrate.roundtrip", "--all")):
        ran = typed(shop, "live", *words)
        assert ran.code == 0, (words, ran.err)


@pytest.mark.parametrize("role", ["plain", "With Space", 'quo"te'])
def test_a_schema_is_the_same_whoever_built_it(database: Address, role: str) -> None:
    quoted = '"' + role.replace('"', '""') + '"'
    built = (
        "CREATE TABLE t (id int)",
        "GRANT SELECT ON t TO PUBLIC",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY p ON t TO current_user USING (true)",
    )
    try:
        with connect(database) as conn:
            for statement in built:
                conn.execute(statement)
            mine = read(conn)
            for statement in ("DROP TABLE t", "DROP FUNCTION f", "DROP OWNED BY aegis"):
                if not statement.startswith("DROP OWNED"):
                    conn.execute(statement)
            conn.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM PUBLIC")
            conn.execute(f"CREATE ROLE {quoted}")
            conn.execute(f"GRANT CREATE ON SCHEMA public TO {quoted}")
            with conn.transaction():
                conn.execute(f"SET LOCAL ROLE {quoted}")
                for statement in built:
                    conn.execute(statement)
            conn.execute(f"REVOKE CREATE ON SCHEMA public FROM {quoted}")
            theirs = read(conn)
        assert diff(mine, theirs)
        assert diff(mine.built_by(role, instead_of="aegis"), theirs) == ()
        assert diff(theirs.built_by("aegis", instead_of=role), mine) == ()
    finally:
        with connect(database) as conn:
            conn.execute(f"DROP OWNED BY {quoted} CASCADE")
            conn.execute(f"DROP ROLE {quoted}")


@pytest.mark.parametrize("words", [("migrate.verify",), ("doctor",)])
def test_a_server_that_ends_idle_sessions_waits_for_references(
    shop: Path, database: Address, others: TestServer, words: tuple[str, ...]
) -> None:
    assert [invoke(word, cwd=shop).code for word in ("migrate.apply", "deploy.apply")] == [0, 0]
    # longer than between two statements of a command, shorter than a base that has never been built
    slow = f"SELECT pg_sleep(3); -- {uuid.uuid4()}\n"
    (shop / "base.sql").write_text(slow)
    registry = json.loads((shop / "services.yaml").read_text())
    registry["database"]["init"] = ["base.sql"]
    (shop / "services.yaml").write_text(json.dumps(registry))
    elsewhere = others.address.with_database("proofs")
    choose(
        shop,
        live={"url": database.url(), "proof": "elsewhere"},
        elsewhere={"url": elsewhere.url(), "proof": "elsewhere"},
    )
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE {database.database} SET idle_session_timeout = '2s'".encode())
    ran = typed(shop, "live", *words, "--format", "json")
    assert not {"lost", "server_down"} & {error["code"] for error in ran.json["errors"]}, ran.err
    assert "idle-session" not in ran.out + ran.err
