"""Issue 4: services with their own environment, reached through real Poetry and real uv.

`reports` is Poetry's, with Alembic 1.13 and psycopg; `billing` is uv's, with a current Alembic and asyncpg. Neither
environment has aegisdb.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aegisdb.postgres import databases, markers
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from tests.environments import lend, project_environment, tools
from tests.invoke import Ran, invoke
from tests.monorepo import Rev, Svc, build_monorepo, write

pytestmark = [pytest.mark.realworld, pytest.mark.timeout(1500)]

POETRY = """\
[project]
name = "reports"
version = "1.0"
requires-python = ">=3.11,<4"
dependencies = ["alembic==1.13.3", "sqlalchemy>=2.0,<2.1", "psycopg[binary]>=3.2"]

[tool.poetry]
package-mode = false
"""
UV = """\
[project]
name = "billing"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["alembic>=1.18", "sqlalchemy[asyncio]>=2.0", "asyncpg>=0.30"]
"""
VERSIONS = """\
import alembic, importlib.util

assert importlib.util.find_spec("aegisdb") is None
"""
SEED = """\
import os

import alembic
import psycopg

with psycopg.connect(os.environ["DATABASE_URL"]) as conn:
    conn.execute("INSERT INTO reports_t (id, name) VALUES (1, %s) ON CONFLICT DO NOTHING", (alembic.__version__,))
"""


def service(name: str, version: str, **more: Any) -> Svc:
    """Two revisions; the first one asks which Alembic runs it."""
    columns = 'sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("name", sa.Text)'
    which = f"op.execute(f\"INSERT INTO {name}_t VALUES (0, '{{alembic.__version__}}')\")"  # noqa: S608  a fixed name
    first = Rev(
        id=f"{name[0]}1",
        up=f'op.create_table("{name}_t", {columns})\n{which}',
        down=f'op.drop_table("{name}_t")',
        head=VERSIONS + f'assert alembic.__version__.split(".")[:2] {version}',
    )
    second = Rev(
        id=f"{name[0]}2",
        up=f'op.add_column("{name}_t", sa.Column("amount", sa.Numeric))',
        down=f'op.drop_column("{name}_t", "amount")',
    )
    models = f"""
    class T(Base):
        __tablename__ = "{name}_t"
        id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
        name: Mapped[str | None] = mapped_column(sa.Text)
        amount: Mapped[float | None] = mapped_column(sa.Numeric)
    """
    return Svc(revisions=(first, second), models=models, **more)


class Project:
    """Both services in a fresh tree; their packages are kept from test to test."""

    def __init__(self, root: Path, database: Address, config: pytest.Config) -> None:
        self.root = root
        self.database = database
        seeds = {"seeds": [{"module": "seed_reports", "fills": ["reports_t"]}]}
        services = {
            "reports": service("reports", '== ["1", "13"]', runner=("poetry", "run"), more=seeds),
            "billing": service("billing", '!= ["1", "13"]', runner=("uv", "run"), env="async"),
        }
        build_monorepo(root, services, url="${THE_URL}", extra={"project": database.database})
        write(self.home("reports") / "seed_reports.py", SEED)
        self._path = f"{tools(config)}{os.pathsep}{os.environ['PATH']}"

    def home(self, name: str) -> Path:
        return self.root / "services" / name

    def install(self, config: pytest.Config) -> None:
        lend(project_environment(config, "poetry", POETRY, "poetry", "install"), self.home("reports"))
        lend(project_environment(config, "uv", UV, "uv", "sync", "-q"), self.home("billing"))

    def invoke(self, *words: str, path: str | None = None) -> Ran:
        # an activated environment of somebody else must not be taken for the service's own
        env = {"THE_URL": self.database.url(), "PATH": path or self._path, "VIRTUAL_ENV": os.environ["PYTEST_VENV"]}
        return invoke(*words, cwd=self.root, env=env, timeout=600)

    def ok(self, *words: str) -> Ran:
        ran = self.invoke(*words)
        assert ran.code == 0, ran.out + ran.err
        return ran


@pytest.fixture
def bare(
    tmp_path: Path, database: Address, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """The project before anybody installed the services' packages."""
    import sys

    monkeypatch.setenv("PYTEST_VENV", sys.prefix)
    with databases.maintenance(database) as conn:
        markers.mark(conn, database.database, "test")
    yield Project(tmp_path / "mono repo", database, pytestconfig)
    with databases.maintenance(database) as conn:
        for (name,) in conn.rows(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (f"{database.database}_",)
        ):
            databases.drop(conn, name, force=True)


@pytest.fixture
def project(bare: Project, pytestconfig: pytest.Config) -> Project:
    bare.install(pytestconfig)
    return bare


def states(project: Project) -> dict[str, tuple[str, ...]]:
    rows = project.ok("migrate.status", "--format", "json").json["services"]
    return {row["service"]: tuple(row["applied"]) for row in rows}


def test_the_whole_life_of_services_with_their_own_environments(project: Project) -> None:
    project.ok("migrate.apply")
    assert states(project) == {"reports": ("r2",), "billing": ("b2",)}
    with connect(project.database) as conn:
        assert conn.value("SELECT name FROM reports_t").startswith("1.13.")
        assert not conn.value("SELECT name FROM billing_t").startswith("1.13.")
    proofs = project.ok("migrate.roundtrip", "--all", "--format", "json").json["services"]
    assert {(r["revision"], r["status"]) for s in proofs for r in s["revisions"]} == {
        (revision, "proven") for revision in ("r1", "r2", "b1", "b2")
    }
    project.ok("migrate.verify")
    project.ok("seed.run")
    with connect(project.database) as conn:
        assert conn.value("SELECT name FROM reports_t WHERE id = 1").startswith("1.13.")
    for name in ("reports", "billing"):
        project.ok("migrate.rollback", "--service", name)
        sql = project.ok("migrate.sql", "--service", name).out
        assert f"ALTER TABLE {name}_t ADD COLUMN amount NUMERIC" in sql
        assert "CREATE TABLE" not in sql
    assert states(project) == {"reports": ("r1",), "billing": ("b1",)}


@pytest.mark.parametrize("name", ["reports", "billing"])
def test_a_new_revision_is_made_with_the_services_alembic(project: Project, name: str) -> None:
    models = project.home(name) / "models.py"
    models.write_text(models.read_text() + "    note: Mapped[str | None] = mapped_column(sa.Text)\n")
    ran = project.ok("migrate.new", "--service", name, "-m", "add a note", "--format", "json")
    assert ran.json["result"]["operations"] == [f"add column {name}_t.note"]
    assert ran.json["result"]["proven"]
    text = (project.root / ran.json["result"]["path"]).read_text()
    assert "op.add_column" in text
    assert "drop_table" not in text


def test_an_environment_that_is_missing_is_named_with_the_command_that_makes_it(project: Project) -> None:
    (project.home("reports") / ".venv").unlink()
    ran = project.invoke("migrate.apply", "--service", "reports")
    assert ran.code == 1
    assert "No module named 'alembic'" in ran.last
    assert "poetry install" in ran.last
    with connect(project.database) as conn:
        assert conn.value("SELECT to_regclass('reports_t')") is None
    assert project.invoke("migrate.apply", "--service", "billing").code == 0


def test_a_runner_that_cannot_work_says_so_in_one_line(bare: Project) -> None:
    (bare.home("reports") / "pyproject.toml").unlink(missing_ok=True)
    ran = bare.invoke("migrate.apply", "--service", "reports")
    assert ran.code == 1
    assert "`poetry run python` ended without starting Python" in ran.err
    assert "poetry install" in ran.last
    ran = bare.invoke("migrate.apply", "--service", "billing", path="/usr/bin:/bin")
    assert ran.code == 1
    assert "cannot start uv" in ran.last
    assert "install uv" in ran.last
