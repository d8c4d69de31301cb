"""The compose target on a real Docker Engine."""

from __future__ import annotations

import os
import socket
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from aegisdb.errors import BadInput, Failed, Unreachable
from aegisdb.fingerprint import diff, read
from aegisdb.postgres.connection import connect
from aegisdb.postgres.psql import run_file
from aegisdb.postgres.scratch import scratch
from aegisdb.progress import silent
from aegisdb.registry import load
from aegisdb.servers.docker import is_local
from aegisdb.servers.wheels import server_directory
from tests.invoke import invoke
from tests.postgres_server import PASSWORD, TestServer
from tests.servers.composed import copy_files, docker, engine_answers, project, server_of
from tests.servers.projects import REPOSITORY

docker_test = pytest.mark.docker


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with project(tmp_path_factory.mktemp("a project & more") / "aegis") as made:
        server_of(made).start(silent)
        yield made


@docker_test
def test_first_boot_makes_the_base_schema_on_the_published_port(root: Path) -> None:
    address = server_of(root).address()
    assert f"AEGIS_DB_PORT={address.port}" in (root / ".env").read_text()
    with connect(address) as conn:
        extensions = conn.rows("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1")
        assert extensions == [("age",), ("uuid-ossp",), ("vector",)]
        assert conn.value("SELECT count(*) FROM ag_catalog.ag_graph WHERE name = 'oilgas'") == 1
        assert conn.identity().database == "aegis"
        assert conn.identity().server_version // 10000 == 17


@docker_test
def test_first_boot_gives_the_schema_that_the_suite_gives(root: Path) -> None:
    address = server_of(root).address()
    loaded = load(REPOSITORY / "services.yaml", {})
    with scratch(address.with_database("postgres")) as empty:
        for file in loaded.file.database.init:
            run_file(empty, REPOSITORY / file, bindir=server_directory())
        with connect(empty) as by_suite, connect(address) as by_container:
            assert diff(read(by_container), read(by_suite)) == ()
            assert len(read(by_container).facts) > 100


@docker_test
def test_a_second_start_changes_nothing(root: Path) -> None:
    before = server_of(root)._compose.containers()  # noqa: SLF001
    assert server_of(root).start(silent) == server_of(root).address()
    assert server_of(root)._compose.containers() == before  # noqa: SLF001


@docker_test
def test_the_proof_is_read_inside_the_container(
    root: Path, server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(server_of(root).address()) as conn:
        proof = server_of(root).disposable(conn)
        assert proof is not None
        assert proof.kind == "P2"
        assert str(conn.identity().system_identifier) in proof.evidence
        assert server_of(root.parent).disposable(conn) is None  # another checkout
        monkeypatch.setattr("aegisdb.servers.compose.is_local", lambda: False)
        assert server_of(root).disposable(conn) is None
    with connect(server.address) as stranger:
        assert server_of(root).disposable(stranger) is None


@docker_test
def test_an_engine_elsewhere_is_not_local(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert root.exists()
    assert is_local()
    monkeypatch.setenv("DOCKER_HOST", "ssh://somewhere")
    assert not is_local()


@docker_test
def test_flush_empties_redis(root: Path) -> None:
    redis = server_of(root)._compose.containers("redis")[0].id  # noqa: SLF001
    docker("exec", redis, "redis-cli", "SET", "key", "value")
    assert server_of(root).flush() == ("redis",)
    assert docker("exec", redis, "redis-cli", "DBSIZE") == "0"
    docker("stop", "--time", "1", redis)
    with pytest.raises(Failed, match="redis"):
        server_of(root).flush()
    docker("start", redis)


@docker_test
def test_a_changed_password_is_named(root: Path) -> None:
    with pytest.raises(Unreachable, match="login") as refused:
        server_of(root, password="another").start(silent)
    assert refused.value.code == "login"
    assert "volume" in refused.value.hint
    server_of(root).start(silent)  # compose made the container anew with the other variable


@docker_test
def test_stop_keeps_the_data_and_destroy_does_not(root: Path) -> None:
    server = server_of(root)
    with psycopg.connect(server.start(silent).url(), autocommit=True) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 1")
    assert server.stop()
    assert server.has_data()
    with pytest.raises(Unreachable, match="does not exist"):
        server.address()
    with psycopg.connect(server.start(silent).url()) as conn:
        assert conn.execute("SELECT count(*) FROM kept").fetchone() == (1,)
    assert server.stop(destroy=True)
    assert not server.has_data()
    assert not server.stop(destroy=True)
    with psycopg.connect(server.start(silent).url()) as conn:
        assert conn.execute("SELECT to_regclass('kept')").fetchone() == (None,)


@docker_test
def test_an_init_file_that_fails_is_shown_and_leaves_no_half_made_volume(tmp_path: Path) -> None:
    with project(tmp_path / "aegis") as root:
        file = root / "sql" / "init" / "init.sql"
        good = file.read_text()
        file.write_text(good + "\nSELECT * FROM no_such_table;\n")
        server = server_of(root)
        with pytest.raises(Failed, match="no_such_table") as failed:
            server.start(silent)
        assert failed.value.exit_code == 1
        assert not server.has_data()
        file.write_text(good)
        with psycopg.connect(server.start(silent).url()) as conn:
            conn.execute("SELECT count(*) FROM checklist_templates")


@docker_test
def test_a_taken_port_is_named_with_its_variable(tmp_path: Path) -> None:
    with project(tmp_path / "aegis") as root, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        (root / ".env").write_text(f"AEGIS_DB_PORT={taken.getsockname()[1]}\n")
        with pytest.raises(Failed) as failed:
            server_of(root).start(silent)
        assert "AEGIS_DB_PORT" in failed.value.hint


@docker_test
def test_a_service_without_a_port_is_named(tmp_path: Path) -> None:
    with project(tmp_path / "aegis") as root:
        file = root / "compose.yaml"
        file.write_text(file.read_text().replace('ports: ["127.0.0.1:${AEGIS_DB_PORT:-5432}:5432"]', "ports: []"))
        with pytest.raises(Failed, match="publishes no port"):
            server_of(root).start(silent)


@docker_test
def test_containers_that_were_started_by_hand_are_found(tmp_path: Path) -> None:
    name = f"byhand{uuid.uuid4().hex[:8]}"
    with project(tmp_path / name) as root:
        variables = os.environ | {"AEGIS_DB_PASSWORD": PASSWORD}
        subprocess.run(["docker", "compose", "up", "-d"], cwd=root, env=variables, capture_output=True, check=True)
        server = server_of(root)
        assert server._compose.project == name  # noqa: SLF001
        server.start(silent)
        assert server.stop(destroy=True)
        docker("rmi", f"{name}-postgres")


@docker_test
def test_up_and_down_as_typed(tmp_path: Path) -> None:
    with project(tmp_path / "aegis") as root:
        write_registry(root)
        up = invoke("db.up", "--format", "json", cwd=root)
        assert (up.code, up.json["result"]["database_exists"]) == (0, True)
        assert invoke("db.wait", cwd=root).code == 0
        refused = invoke("db.down", "--volumes", cwd=root)
        assert (refused.code, server_of(root).has_data()) == (3, True)
        down = invoke("db.down", "--volumes", "--yes", "--format", "json", cwd=root)
        assert (down.code, down.json["result"]["proof"][:3]) == (0, "P2:")
        assert not server_of(root).has_data()
        assert invoke("db.wait", "--timeout", "0", cwd=root).code == 7


def write_registry(root: Path) -> None:
    (root / "services.yaml").write_text(
        "version: 1\nproject: aegis\ntargets: {t: {server: compose, flush: [redis]}}\n"
        f"database: {{name: aegis, user: aegis, password: '{PASSWORD}'}}\n"
    )


def test_an_engine_that_is_down_is_7_with_the_command_that_starts_it(tmp_path: Path) -> None:
    copy_files(tmp_path)
    write_registry(tmp_path)
    ran = invoke("db.up", cwd=tmp_path, env={"DOCKER_HOST": f"unix://{tmp_path}/no.sock"})
    assert ran.code == 7
    assert "docker" in ran.last
    if engine_answers():
        assert ran.last.startswith("error[docker_engine]")
        assert "start" in ran.last


def test_a_machine_without_docker_is_7(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_files(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unreachable, match="docker is not on this machine"):
        server_of(tmp_path).start(silent)


@docker_test
def test_a_wrong_service_or_file_is_bad_input(root: Path) -> None:
    with pytest.raises(BadInput, match="no service 'postgre'"):
        server_of(root, service="postgre").start(silent)
    with pytest.raises(BadInput, match="no compose file"):
        server_of(root, file="compose.yml").start(silent)


@docker_test
def test_two_checkouts_of_one_name_are_two_projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = [tmp_path / side / "aegis" for side in ("a", "b")]
    for root in needed:
        copy_files(root)
    if not engine_answers():
        pytest.skip("no Docker Engine answers `docker info`")
    names = {server_of(root)._compose.project for root in needed}  # noqa: SLF001
    assert len(names) == 2
    assert all(name.startswith("aegis-") for name in names)
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "shared")
    assert server_of(needed[0])._compose.project == "shared"  # noqa: SLF001


def test_the_container_runs_the_init_files_in_the_order_of_the_registry() -> None:
    mounted = [line.split(":") for line in (REPOSITORY / "compose.yaml").read_text().splitlines() if "initdb.d" in line]
    by_name = sorted((inside, outside) for outside, inside, _ in mounted)
    registry = (REPOSITORY / "services.yaml").read_text()
    wanted = [line.strip().removeprefix("- ") for line in registry.splitlines() if "- sql/init/" in line]
    assert [outside.strip().removeprefix("- ./") for _, outside in by_name] == wanted
