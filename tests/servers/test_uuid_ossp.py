"""uuid-ossp in SQL: published vectors, shapes of the random ones, and the catalog entries of contrib's module."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.postgres_server import BIN, TestServer


@pytest.fixture(scope="module")
def conn(server: TestServer) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.address.url(), autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        with psycopg.connect(server.address.with_database(name).url(), autocommit=True) as inside:
            inside.execute('CREATE EXTENSION IF NOT EXISTS "uuid-ossp"')
            yield inside
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


Session = psycopg.Connection[tuple[Any, ...]]


def value(conn: Session, sql: str, *params: object) -> Any:
    row = conn.execute(sql, params).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("uuid_nil()", "00000000-0000-0000-0000-000000000000"),
        ("uuid_ns_dns()", str(uuid.NAMESPACE_DNS)),
        ("uuid_ns_url()", str(uuid.NAMESPACE_URL)),
        ("uuid_ns_oid()", str(uuid.NAMESPACE_OID)),
        ("uuid_ns_x500()", str(uuid.NAMESPACE_X500)),
        # RFC 9562, appendix A.2 and A.4
        ("uuid_generate_v3(uuid_ns_dns(), 'www.example.com')", "5df41881-3aed-3515-88a7-2f4a814cf09e"),
        ("uuid_generate_v5(uuid_ns_dns(), 'www.example.com')", "2ed6657d-e927-568b-95e1-2665a8aea6a2"),
        # the documentation of PostgreSQL and the regression test of contrib/uuid-ossp
        ("uuid_generate_v3(uuid_ns_url(), 'http://www.postgresql.org')", "cf16fe52-3365-3a1f-8572-288d8d2aaa46"),
        ("uuid_generate_v3(uuid_ns_dns(), 'www.widgets.com')", "3d813cbb-47fb-32ba-91df-831e1593ac29"),
        ("uuid_generate_v5(uuid_ns_dns(), 'www.widgets.com')", "21f7f8de-8051-5b89-8680-0195ef798b6a"),
    ],
)
def test_published_vectors(conn: Session, function: str, expected: str) -> None:
    assert str(value(conn, f"SELECT {function}")) == expected


@pytest.mark.parametrize("length", [0, 1, 39, 40, 46, 47, 48, 103, 104, 112, 1000])
def test_names_of_every_padding_length_agree_with_python(conn: Session, length: int) -> None:
    # 16 octets of namespace come first: 39 and 40, 47 and 48 and their multiples are where a SHA-1 block is full
    name = ("aé漢" * length)[:length]
    for namespace in (uuid.NAMESPACE_URL, uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)):
        assert value(conn, "SELECT uuid_generate_v3(%s, %s)", namespace, name) == uuid.uuid3(namespace, name)
        assert value(conn, "SELECT uuid_generate_v5(%s, %s)", namespace, name) == uuid.uuid5(namespace, name)


@pytest.mark.parametrize(("function", "version"), [("v1", 1), ("v1mc", 1), ("v4", 4)])
def test_a_thousand_are_distinct_and_well_formed(conn: Session, function: str, version: int) -> None:
    made = set(value(conn, f"SELECT array_agg(uuid_generate_{function}()) FROM generate_series(1, 1000)"))  # noqa: S608  names of this file
    assert len(made) == 1000
    assert {(one.version, one.variant) for one in made} == {(version, uuid.RFC_4122)}


@pytest.mark.parametrize("function", ["v1", "v1mc"])
def test_version_1_tells_when_it_was_made(conn: Session, function: str) -> None:
    before = value(conn, "SELECT clock_timestamp()")
    made = value(conn, f"SELECT uuid_generate_{function}()")
    after = value(conn, "SELECT clock_timestamp()")
    told = datetime(1582, 10, 15, tzinfo=UTC) + timedelta(microseconds=made.time // 10)
    assert before <= told <= after


def test_nodes_are_multicast_stable_for_v1_and_new_for_v1mc(conn: Session) -> None:
    rows = conn.execute("SELECT uuid_generate_v1(), uuid_generate_v1mc() FROM generate_series(1, 100)").fetchall()
    stable, random = {row[0].node for row in rows}, {row[1].node for row in rows}
    assert (len(stable), len(random)) == (1, 100)
    assert all(node >> 40 & 1 for node in stable | random)
    assert len({row[0].clock_seq for row in rows}) > 50


def test_it_is_declared_like_contribs_module(conn: Session) -> None:
    rows = conn.execute(
        "SELECT p.proname, p.provolatile::text, p.proisstrict, p.proparallel::text,"
        " pg_get_function_identity_arguments(p.oid), p.prorettype::regtype::text"
        " FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid JOIN pg_extension e ON e.oid = d.refobjid"
        " WHERE e.extname = 'uuid-ossp' AND d.classid = 'pg_proc'::regclass ORDER BY 1"
    ).fetchall()
    constant, named = ("i", True, "s", "", "uuid"), ("i", True, "s", "namespace uuid, name text", "uuid")
    random = ("v", True, "s", "", "uuid")
    assert rows == [
        ("uuid_generate_v1", *random),
        ("uuid_generate_v1mc", *random),
        ("uuid_generate_v3", *named),
        ("uuid_generate_v4", *random),
        ("uuid_generate_v5", *named),
        *[(f"uuid_{name}", *constant) for name in ("nil", "ns_dns", "ns_oid", "ns_url", "ns_x500")],
    ]
    control = conn.execute("SELECT extversion, extrelocatable FROM pg_extension WHERE extname = 'uuid-ossp'")
    assert control.fetchone() == ("1.1", True)


def test_null_gives_null_and_a_foreign_search_path_changes_nothing(conn: Session) -> None:
    assert value(conn, "SELECT uuid_generate_v5(uuid_ns_dns(), NULL)") is None
    conn.execute("CREATE SCHEMA trap; CREATE FUNCTION trap.md5(bytea) RETURNS text LANGUAGE sql RETURN 'x'")
    conn.execute("CREATE FUNCTION trap.uuid_send(uuid) RETURNS bytea LANGUAGE sql RETURN ''::bytea")
    conn.execute("SET search_path = trap, pg_catalog, public")
    for version, made in (("3", uuid.uuid3), ("5", uuid.uuid5)):
        sql = f"SELECT public.uuid_generate_v{version}('{uuid.NAMESPACE_OID}', 'x')"
        assert value(conn, sql) == made(uuid.NAMESPACE_OID, "x")
    conn.execute("RESET search_path")


def test_it_moves_to_another_schema_and_an_ordinary_role_may_create_it(database: Address) -> None:
    role = f"r_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute(f'CREATE ROLE "{role}"; GRANT CREATE ON DATABASE "{database.database}" TO "{role}"')
        try:
            conn.execute(f'CREATE SCHEMA elsewhere AUTHORIZATION "{role}"; SET ROLE "{role}"')
            conn.execute('CREATE EXTENSION "uuid-ossp" SCHEMA elsewhere')
            assert value(conn, "SELECT elsewhere.uuid_generate_v1()").version == 1
            conn.execute('RESET ROLE; ALTER EXTENSION "uuid-ossp" SET SCHEMA public')
            assert value(conn, "SELECT public.uuid_generate_v5(public.uuid_ns_dns(), 'x')").version == 5
        finally:
            conn.execute(f'DROP OWNED BY "{role}" CASCADE; DROP ROLE "{role}"')


def test_it_survives_a_clone_and_a_dump(database: Address, server: TestServer) -> None:
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute('CREATE EXTENSION "uuid-ossp"')
        conn.execute("CREATE TABLE t (id uuid PRIMARY KEY DEFAULT uuid_generate_v4(), n text)")
        conn.execute("ALTER TABLE t ADD five uuid GENERATED ALWAYS AS (uuid_generate_v5(uuid_ns_dns(), n)) STORED")
        conn.execute("INSERT INTO t (n) VALUES ('x')")
    clone, restored = f"{database.database}_clone", f"{database.database}_restored"
    address, login = database, {"PGPASSWORD": database.password.reveal()}
    connection = ["-h", address.host, "-p", str(address.port), "-U", address.user]
    dump = subprocess.run(
        [BIN / "pg_dump", *connection, address.database], env=os.environ | login, capture_output=True, check=True
    ).stdout
    assert b"uuid_generate_v5(namespace" not in dump
    with psycopg.connect(server.address.url(), autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{clone}" TEMPLATE "{database.database}"')
        admin.execute(f'CREATE DATABASE "{restored}" TEMPLATE template0')
        try:
            psql = [str(BIN / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", *connection, "-d", restored]
            subprocess.run(psql, input=dump, env=os.environ | login, capture_output=True, check=True)
            for name in (clone, restored):
                with psycopg.connect(database.with_database(name).url(), autocommit=True) as conn:
                    conn.execute("INSERT INTO t (n) VALUES ('y')")
                    fives = conn.execute("SELECT five FROM t ORDER BY n").fetchall()
                assert fives == [(uuid.uuid5(uuid.NAMESPACE_DNS, n),) for n in "xy"]
        finally:
            for name in (clone, restored):
                admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
