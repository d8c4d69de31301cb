"""AEGIS on `--target docker`, from nothing: every task of the main job, and both ends of db.reset.

One environment for the module: each test leaves the database as `db.reset` made it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aegisdb.fingerprint import Fingerprint, diff, read
from aegisdb.postgres.address import Address, Secret
from aegisdb.postgres.connection import connect
from tests.invoke import Ran, invoke
from tests.postgres_server import PASSWORD, free_port
from tests.servers.composed import docker, project
from tests.servers.projects import REPOSITORY

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]
ENOUGH = 600.0  # seconds for the first command, which builds an image


@dataclass(frozen=True)
class Aegis:
    """A checkout with containers of its own."""

    root: Path
    first: Ran
    """`db.reset --volumes` from nothing."""

    def invoke(self, *words: str, env: dict[str, str] | None = None) -> Ran:
        return invoke(*words, "--target", "docker", cwd=self.root, env=env, timeout=ENOUGH)

    def done(self, *words: str) -> Ran:
        """Run a task that must end with 0."""
        ran = self.invoke(*words)
        assert ran.code == 0, f"{words}: {ran.out}\n{ran.err}"
        return ran

    @property
    def address(self) -> Address:
        settings = dict(line.split("=", 1) for line in (self.root / ".env").read_text().splitlines())
        return Address("127.0.0.1", int(settings["AEGIS_DB_PORT"]), "aegis", Secret(PASSWORD), "aegis")

    def fingerprint(self) -> Fingerprint:
        with connect(self.address) as conn:
            return read(conn)

    def counts(self) -> dict[str, int]:
        """Rows of the tables that seeds fill."""
        with connect(self.address) as conn:
            tables = ("users", "skills", "checklist_templates", "workflow_runs", "chunks", 'oilgas."Well"')
            return {table: conn.value(f"SELECT count(*) FROM {table}") for table in tables}  # noqa: S608  names above

    def redis(self, *words: str) -> str:
        """What redis-cli answers inside the container."""
        container = docker("ps", "-q", "--filter", f"publish={self._redis_port}")
        return docker("exec", container, "redis-cli", *words)

    @property
    def _redis_port(self) -> str:
        return (self.root / ".env").read_text().partition("AEGIS_REDIS_PORT=")[2].split()[0]


@pytest.fixture(scope="module")
def aegis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aegis]:
    with project(tmp_path_factory.mktemp("docker") / "aegis") as root:
        shutil.copytree(REPOSITORY / "services", root / "services", ignore=shutil.ignore_patterns("__pycache__"))
        registry = (REPOSITORY / "services.yaml").read_text()
        (root / "services.yaml").write_text(registry.replace("8003", str(free_port())))
        with (root / ".env").open("a") as file:
            file.write(f"AEGIS_DB_PASSWORD={PASSWORD}\n")
        words = ("db.reset", "--volumes", "--yes", "--target", "docker")
        yield Aegis(root, invoke(*words, cwd=root, timeout=ENOUGH))


@pytest.fixture(scope="module")
def made(aegis: Aegis) -> Fingerprint:
    """The schema after the first reset."""
    assert aegis.first.code == 0, aegis.first.err
    return aegis.fingerprint()


def test_reset_from_nothing(aegis: Aegis, made: Fingerprint) -> None:
    assert len(made.facts) > 100
    assert all(aegis.counts().values())
    assert aegis.redis("DBSIZE") == "0"


@pytest.mark.parametrize(
    "words",
    [
        "db.up",
        "db.wait",
        "db.status",
        "db.verify",
        "db.url --safe",
        "db.snapshots",
        "deploy.status",
        "deploy.prove",
        "migrate.status --check",
        "migrate.verify",
        "migrate.history",
        "migrate.log",
        "migrate.sql --service identity",
        "migrate.roundtrip --last 1",
        "seed.list",
        "seed.prove --service orchestration-engine",
        "service.owners",
    ],
)
def test_what_only_looks(aegis: Aegis, made: Fingerprint, words: str) -> None:
    aegis.done(*words.split())
    assert diff(made, aegis.fingerprint()) == ()


def test_revisions_go_down_and_up(aegis: Aegis, made: Fingerprint) -> None:
    service = ("--service", "identity")
    aegis.done("migrate.rollback", *service)
    assert diff(made, aegis.fingerprint()) != ()
    assert aegis.invoke("migrate.status", "--check").code == 6
    assert "COMMIT" in aegis.done("migrate.sql", *service).out
    aegis.done("migrate.apply")
    aegis.done("migrate.reapply", *service)
    aegis.done("migrate.stamp", *service)
    assert diff(made, aegis.fingerprint()) == ()


def test_a_new_revision(aegis: Aegis, made: Fingerprint) -> None:
    versions = aegis.root / "services" / "identity" / "alembic" / "versions"
    before = set(versions.iterdir())
    aegis.done("migrate.new", "--service", "identity", "--message", "say nothing", "--empty")
    (written,) = {path for path in versions.glob("*.py") if path not in before}
    try:
        aegis.done("migrate.apply", "--service", "identity")
        aegis.done("migrate.rollback", "--service", "identity")
    finally:
        written.unlink()
    assert diff(made, aegis.fingerprint()) == ()


def test_seeds_and_deploy_files_again(aegis: Aegis, made: Fingerprint) -> None:
    before = aegis.counts()
    aegis.done("seed.run")
    aegis.done("deploy.apply", "--again")
    assert aegis.counts() == before
    assert diff(made, aegis.fingerprint()) == ()


def test_a_snapshot_comes_back(aegis: Aegis, made: Fingerprint) -> None:
    aegis.done("db.snapshot", "kept")
    with connect(aegis.address) as conn:
        conn.execute("CREATE TABLE by_hand (id int)")
    assert aegis.invoke("migrate.verify").code == 6
    aegis.done("db.restore", "kept", "--yes")
    assert diff(made, aegis.fingerprint()) == ()
    aegis.done("db.drop-snapshot", "kept")
    aegis.done("db.drop-snapshot", "before-restore")


@pytest.mark.parametrize("flags", [(), ("--volumes",)], ids=["in place", "volumes"])
def test_both_ends_of_reset_are_equal(aegis: Aegis, made: Fingerprint, flags: tuple[str, ...]) -> None:
    before = aegis.counts()
    aegis.redis("SET", "cached", "value")
    with connect(aegis.address) as conn:
        conn.execute("CREATE TABLE by_hand (id int)")
    aegis.done("db.reset", *flags, "--yes")
    assert diff(made, aegis.fingerprint()) == ()
    assert aegis.counts() == before
    assert aegis.redis("DBSIZE") == "0"


@pytest.mark.parametrize("words", ["db.up", "db.reset --volumes --yes", "migrate.status", "db.down --volumes --yes"])
def test_an_engine_that_is_stopped_is_7(aegis: Aegis, words: str) -> None:
    ran = aegis.invoke(*words.split(), env={"DOCKER_HOST": f"unix://{aegis.root}/no.sock"})
    assert ran.code == 7, ran.err
    assert ran.last.startswith("error[docker_engine]")
    assert "Traceback" not in ran.err
    assert all(aegis.counts().values())
