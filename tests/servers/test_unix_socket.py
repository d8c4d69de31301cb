"""The Unix socket beside the embedded server's port: for our own sessions, for one user, as one role."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from aegisdb.errors import Unreachable
from aegisdb.postgres.address import Address, Secret
from aegisdb.postgres.client import Client
from aegisdb.postgres.connection import connect
from aegisdb.postgres.psql_session import open_session
from aegisdb.progress import silent
from aegisdb.servers import unix_socket
from aegisdb.servers.account import project_owner
from aegisdb.servers.embedded import EmbeddedServer
from aegisdb.servers.state import read_state, write_state
from aegisdb.servers.wheels import server_directory
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo
from tests.postgres_server import PASSWORD
from tests.servers.projects import data_of, embedded, home_of

_HOW = "SELECT inet_client_addr() IS NULL"


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """A short path, as most projects have; that of a test's own directory is too long for a socket."""
    made = Path(tempfile.mkdtemp(prefix="a "))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def up(root: Path) -> Iterator[EmbeddedServer]:
    made = embedded(root)
    made.start(silent)
    yield made
    made.stop(destroy=True)


def _wrong(address: Address) -> Address:
    return replace(address.with_database("postgres"), password=Secret("not this one"))


def test_our_sessions_go_through_it_without_the_password(up: EmbeddedServer) -> None:
    address = _wrong(up.address())
    with connect(address) as conn:
        assert conn.value(_HOW) is True
        assert (conn.identity().host, conn.identity().port) == ("127.0.0.1", address.port)
    with open_session(address, bindir=server_directory(), application="by psql", timeout=5) as session:
        assert session.value(_HOW) is True


def test_the_password_counts_on_the_port(up: EmbeddedServer) -> None:
    with pytest.raises(Unreachable) as caught:
        connect(_wrong(up.address()).by_password())
    assert caught.value.code == "login"


def test_another_role_needs_its_password_there_too(up: EmbeddedServer) -> None:
    address = up.address().with_database("postgres")
    with connect(address) as conn:
        conn.execute("CREATE ROLE somebody LOGIN PASSWORD 'own'")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host=address.socket, port=address.port, user="somebody", password="x", dbname="postgres")


def test_only_a_session_with_the_password_answers_whether_it_is_right(up: EmbeddedServer) -> None:
    address, client = up.address().with_database("postgres"), Client(server_directory)
    client.prefetch(address)
    session = client.connect(address.by_password(), application="password")
    assert session.value(_HOW) is False
    client.release(session)
    with client.connect(address, application="any") as first, client.connect(address, application="any") as released:
        assert first.value(_HOW) is True
        assert released is session
        assert released.value("SELECT current_setting('application_name')") == "any"
    client.close()


def test_who_did_not_start_it_takes_the_port(up: EmbeddedServer, root: Path) -> None:
    home = home_of(root)
    state = read_state(home)
    write_state(home, replace(state, uid=state.uid + 1), project_owner(root))
    try:
        assert embedded(root, port=up.address().port).address().socket == ""
    finally:
        write_state(home, state, project_owner(root))


def test_a_wrong_password_in_the_registry_is_still_found_out_and_set(up: EmbeddedServer, root: Path) -> None:
    port = up.address().port
    embedded(root, port=port, password="another one").start(silent)
    with psycopg.connect(replace(up.address(), password=Secret("another one"), database="postgres").url()):
        pass
    embedded(root, port=port).start(silent)
    with psycopg.connect(replace(up.address(), password=Secret(PASSWORD), database="postgres").url()):
        pass


def test_what_else_the_files_of_the_server_say_stays(up: EmbeddedServer, root: Path) -> None:
    rule, mapped = "host all all 10.0.0.0/8 reject", "other root somebody"
    paths = [data_of(root) / name for name in ("pg_hba.conf", "pg_ident.conf")]
    for path, line in zip(paths, (rule, mapped), strict=True):
        path.write_text(path.read_text() + f"{line}\n")
    up.stop()
    up.start(silent)
    for path, line in zip(paths, (rule, mapped), strict=True):
        lines = path.read_text().splitlines()
        assert lines[-1] == line
        assert [number for number, each in enumerate(lines) if "aegisdb" in each.split("map=")[-1].split()] == [0]


@pytest.mark.parametrize("home", [Path("/tmp") / ("x" * 90), Path('/tmp/"x"'), Path("/tmp/a,b")])  # noqa: S108  not made
def test_where_the_path_does_not_do_there_is_none(home: Path) -> None:
    assert unix_socket.directory(home, 5432) is None


def test_where_the_file_system_has_no_sockets_the_server_starts_without(
    up: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_vain(_cluster: object, directory: Path, _role: str) -> bool:
        shutil.rmtree(directory, ignore_errors=True)
        directory.touch()
        return True

    up.stop()
    with monkeypatch.context() as patched:
        patched.setattr(unix_socket, "open_for_this_user", in_vain)
        assert up.start(silent).socket == ""
    up.stop()
    assert up.start(silent).socket


def test_a_worker_goes_through_it_and_reaches_what_it_is_to_reach(root: Path, up: EmbeddedServer) -> None:
    told = "INSERT INTO how SELECT inet_client_addr() IS NULL"
    up_body = f"op.execute('CREATE TABLE how (socket bool)')\nop.execute('{told}')"
    service = Svc(owns=("how",), revisions=(Rev(id="h1", up=up_body, down="op.execute('DROP TABLE how')"),))
    targets = {"t": {"server": "embedded", "port": up.address().port}}
    more = {"targets": targets, "default_target": "t"}
    build_monorepo(root, {"how": service}, database={"password": PASSWORD}, extra=more)
    done = invoke("db.reset", cwd=root)
    assert done.code == 0, done
    with psycopg.connect(up.address().url()) as conn:
        assert conn.execute("TABLE how").fetchall() == [(True,)]
