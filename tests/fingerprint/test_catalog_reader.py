"""The fingerprint says the same about the same schema, wherever it is, and says it in words."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from aegisdb.fingerprint import Fingerprint, diff, read
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from tests.postgres_server import TestServer

SCHEMA = """
CREATE TYPE mood AS ENUM ('fine', 'bad');
CREATE TABLE people (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL DEFAULT 'x', mood mood);
CREATE TABLE "Odd.Name" (id serial, person bigint REFERENCES people ON DELETE CASCADE, "a;b" int CHECK ("a;b" > 0));
CREATE INDEX people_name ON people (lower(name)) WHERE mood = 'fine';
CREATE VIEW fine AS SELECT name FROM people WHERE mood = 'fine';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  NEW.name := E'a\\nb'; RETURN new; END $$;
CREATE TRIGGER touched BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION touch();
COMMENT ON COLUMN people.name IS 'first and last';
GRANT SELECT (name) ON people TO PUBLIC;
CREATE EXTENSION vector;
CREATE TABLE embedded (v vector(3));
"""


def fingerprint(address: Address) -> Fingerprint:
    with connect(address) as conn:
        return read(conn)


def run(address: Address, sql: str) -> None:
    with psycopg.connect(address.url(), autocommit=True) as conn:
        conn.execute(sql.encode())


@contextmanager
def other(address: Address, name: str, template: str = "template0") -> Iterator[Address]:
    maintenance = address.with_database("postgres")
    run(maintenance, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield address.with_database(name)
    run(maintenance, f'DROP DATABASE "{name}"')


@pytest.fixture
def filled(database: Address) -> Address:
    run(database, SCHEMA)
    return database


def test_keys_and_facts_are_readable(filled: Address) -> None:
    facts = fingerprint(filled).facts
    assert facts["column public.people.name"] == "text; not null; default 'x'::text"
    assert facts["column public.people.id"] == "bigint; not null; identity always"
    assert facts["type public.mood"] == "owner aegis; enum ('fine', 'bad')"
    assert facts["comment on column public.people.name"] == "'first and last'"
    assert facts["grants on column public.people.name"] == "=r/aegis"
    assert facts['constraint public."Odd.Name"."Odd.Name_person_fkey"'] == (
        "FOREIGN KEY (person) REFERENCES public.people(id) ON DELETE CASCADE"
    )
    assert facts["column public.embedded.v"] == "public.vector(3)"
    assert not [key for key in facts if "vector_in" in key], "members of an extension are the extension's"


def test_what_hangs_on_a_table_names_it(filled: Address) -> None:
    relations = fingerprint(filled).relations
    hanging = ["index public.people_name", "trigger public.people.touched", "comment on column public.people.name"]
    assert {relations[key] for key in hanging} == {"public.people"}
    assert relations['sequence public."Odd.Name_id_seq"'] == 'public."Odd.Name"'
    assert "function public.touch()" not in relations


def test_every_object_is_one_line(filled: Address) -> None:
    found = fingerprint(filled)
    assert len(found.text.splitlines()) == len(found.facts)


def test_a_cast_that_is_part_of_a_range_type_is_none_of_its_own(database: Address) -> None:
    """Nobody can own it, since no revision makes it; pg_dump leaves it out as well."""
    run(database, "CREATE TYPE span AS RANGE (subtype = float8); CREATE CAST (span AS text) WITH INOUT")
    assert [key for key in fingerprint(database).facts if key.startswith("cast ")] == ["cast (public.span as text)"]


def test_rows_statistics_and_sequence_values_do_not_count(filled: Address) -> None:
    before = fingerprint(filled)
    run(filled, "INSERT INTO people (name) SELECT 'n' || g FROM generate_series(1, 500) g")
    run(filled, "ANALYZE")
    run(filled, "VACUUM FULL")
    assert fingerprint(filled) == before


def test_a_dropped_column_leaves_no_trace(filled: Address) -> None:
    before = fingerprint(filled)
    run(filled, "ALTER TABLE people ADD gone int; ALTER TABLE people DROP gone")
    assert fingerprint(filled).digest == before.digest


def test_a_clone_and_a_restored_dump_under_another_name_are_the_same(server: TestServer, filled: Address) -> None:
    before = fingerprint(filled)
    with other(filled, f"{filled.database}_copy", filled.database) as copy:
        assert fingerprint(copy) == before
    login = ["-h", filled.host, "-p", str(filled.port), "-U", filled.user]
    secret = {**os.environ, "PGPASSWORD": filled.password.reveal()}
    with other(filled, f"{filled.database}_restored") as restored:
        # oids that differ
        run(restored, "CREATE TABLE x (); DROP TABLE x")
        argv = [str(server.bindir / "pg_dump"), *login, filled.database]
        text = subprocess.run(argv, env=secret, check=True, capture_output=True).stdout
        argv = [str(server.bindir / "psql"), *login, "-qX", "-v", "ON_ERROR_STOP=1", restored.database]
        subprocess.run(argv, env=secret, check=True, capture_output=True, input=text)
        assert diff(before, fingerprint(restored)) == ()


def test_a_session_with_other_tastes_reads_the_same(filled: Address) -> None:
    before = fingerprint(filled)
    with connect(filled) as conn:
        conn.execute("SET search_path = public; SET quote_all_identifiers = on; SET timezone = 'Asia/Tokyo'")
        assert read(conn) == before
        assert conn.value("SHOW search_path") == "public"
        run(filled, "ALTER TABLE people ADD late int")
        assert [str(change) for change in diff(before, read(conn))] == ["added column public.people.late: integer"]


def test_two_sessions_read_what_one_reads(base_database: Address) -> None:
    run(base_database, SCHEMA.replace("CREATE EXTENSION vector;", ""))
    run(base_database, "LOAD 'age'; SET search_path = ag_catalog, public; SELECT create_graph('wells')")
    with connect(base_database) as one, connect(base_database) as other:
        alone = read(one)
        both = read(one, other)
        assert (both.text, both.relations) == (alone.text, alone.relations)
        run(base_database, "ALTER TABLE people ADD COLUMN age int; GRANT SELECT (age) ON people TO PUBLIC")
        changed = [change.object for change in diff(both, read(one, other))]
    assert changed == ["column public.people.age", "grants on column public.people.age"]


def test_graphs_and_labels_of_age_are_objects(base_database: Address) -> None:
    before = fingerprint(base_database)
    assert before.facts["graph oilgas"] == "schema oilgas"
    run(base_database, "SET search_path = ag_catalog; SELECT create_vlabel('oilgas', 'Rig')")
    after = fingerprint(base_database)
    assert 'added label oilgas."Rig"' in {str(c).partition(":")[0] for c in diff(before, after)}
    run(
        base_database,
        "SET search_path = ag_catalog; SELECT drop_label('oilgas', 'Rig'); SELECT create_vlabel('oilgas', 'Rig')",
    )
    assert fingerprint(base_database) == after, "the number of a label is another kind of OID"


def test_a_password_of_a_foreign_server_is_not_in_it(database: Address) -> None:
    run(database, "CREATE FOREIGN DATA WRAPPER w")
    run(database, "CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'h', password 'hunter2')")
    run(database, "CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (user 'u', password 'hunter2')")
    text = fingerprint(database).text
    assert "user=u" in text
    assert "hunter2" not in text


def test_what_a_server_notes_for_itself_is_no_part_of_the_schema(database: Address) -> None:
    """PostgreSQL 17.12 stamps each column with `pg_attver`, which pg_dump leaves out; another server does not."""
    run(database, SCHEMA)
    run(database, "ALTER TABLE people ALTER COLUMN name SET (n_distinct = 5)")
    before = fingerprint(database)
    stamped = "UPDATE pg_attribute SET attoptions = array_prepend('pg_attver=22185456', attoptions) WHERE attnum > 0"
    run(database, f"{stamped} AND attrelid IN ('people'::regclass, 'fine'::regclass)")
    assert diff(before, fingerprint(database)) == ()
    assert "n_distinct=5" in before.facts["column public.people.name"]
