"""Issue 4: the histories of optuna, MLflow and JupyterHub, unmodified, in three schemas of one database.

What the roundtrip finds wrong with them is the table in docs/third-party.md; this test compares the two.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisdb.postgres import databases
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from tests.environments import virtual_environment
from tests.invoke import ROOT, Ran, invoke
from tests.monorepo import write

pytestmark = [pytest.mark.realworld, pytest.mark.timeout(1500)]

PACKAGES = (
    "optuna==5.0.0",
    "mlflow-skinny==3.17.2",
    "jupyterhub==6.1.1",
    "alembic==1.20.1",
    "sqlalchemy==2.1.9",
    "psycopg[binary]==3.3.9",
)
LOCATIONS = {
    "optuna": "optuna.storages._rdb:alembic",
    "mlflow": "mlflow.store:db_migrations",
    "jupyterhub": "jupyterhub:alembic",
}
GROUND = """\
import sqlalchemy as sa
from {} import Base


def make(url):
    Base.metadata.create_all(sa.create_engine(url))
"""
BASES = {
    # the first revision of MLflow alters tables that its package makes another way
    "mlflow": (GROUND.format("mlflow.store.tracking.dbmodels.initial_models"), {"base": "ground:make"}),
    # JupyterHub creates its tables from the models and stamps them
    "jupyterhub": (GROUND.format("jupyterhub.orm"), {"base": "ground:make", "stamp": "head"}),
}
COUNTS = {"optuna": 10, "mlflow": 67, "jupyterhub": 19}
ROW = re.compile(r"^\| (optuna|mlflow|jupyterhub) \| `(\S+)` \| ([a-z_, ]+) \|", re.MULTILINE)


class Mono:
    """services.yaml with the three as services; commands run on the test's database."""

    def __init__(self, root: Path, database: Address, python: Path) -> None:
        self.root = root
        # each quick reading of a schema is compared with a full one: after every step, in both directions
        self.env = {"THE_URL": database.url(), "AEGIS_FULL_FINGERPRINT": "check"}
        services = {}
        for name, location in LOCATIONS.items():
            text, more = BASES.get(name, ("", {}))
            write(root / "services" / name / "ground.py", text)
            services[name] = {
                "path": f"services/{name}",
                "schema": name,
                "runner": [str(python)],
                "alembic": {"config": None, "script_location": location, "version_table": "alembic_version"},
                **more,
            }
        document = {
            "version": 1,
            "project": "real",
            "targets": {"local": {"url": "${THE_URL}", "gate": [], "proof": "local"}},
            "database": {"name": database.database, "user": database.user},
            "services": services,
        }
        write(root / "services.yaml", json.dumps(document))

    def invoke(self, *words: str) -> Ran:
        return invoke(*words, "--format", "json", cwd=self.root, env=self.env, timeout=900)


@pytest.fixture
def mono(tmp_path: Path, database: Address, pytestconfig: pytest.Config) -> Iterator[Mono]:
    yield Mono(tmp_path, database, virtual_environment(pytestconfig, "third-party", *PACKAGES))
    mine = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
    with databases.maintenance(database) as conn:
        for (name,) in conn.rows(mine, (f"{database.database}_",)):
            databases.drop(conn, name, force=True)


def test_three_foreign_histories_in_one_database(mono: Mono, database: Address) -> None:
    ran = mono.invoke("migrate.apply")
    assert ran.code == 0, ran.err
    rows = mono.invoke("migrate.status").json["services"]
    assert {(row["service"], row["state"]) for row in rows} == {(name, "at head") for name in LOCATIONS}
    with connect(database) as conn:
        schemas = dict(conn.rows("SELECT schemaname::text, count(*)::int FROM pg_tables GROUP BY 1"))
    assert schemas["optuna"] > 10
    assert schemas["mlflow"] > 50
    assert schemas["jupyterhub"] > 10
    assert "public" not in schemas

    ran = mono.invoke("migrate.roundtrip", "--all")
    assert ran.code == 6, ran.err
    proofs = {s["service"]: s["revisions"] for s in ran.json["services"]}
    assert {name: len(revisions) for name, revisions in proofs.items()} == COUNTS
    found = {
        (name, proof["revision"]): {finding["code"] for finding in proof["findings"]}
        for name, revisions in proofs.items()
        for proof in revisions
        if proof["findings"]
    }
    assert found == documented()
    # a broken downgrade hides nothing that can be built: only below JupyterHub's, whose base is newer
    hidden = [
        (name, p["revision"]) for name, revisions in proofs.items() for p in revisions if p["status"] == "not reached"
    ]
    assert {name for name, _ in hidden} == {"jupyterhub"}
    assert len(hidden) == 13

    verdict = mono.invoke("migrate.verify")
    assert {problem["code"] for problem in verdict.json["errors"]} == {"models", "not_compared"}
    assert all(f"`{table}`" in THIRD_PARTY for table in not_compared(verdict)), "told in docs/third-party.md"
    assert {row["service"]: (row["pending"], row["drift"], row["tampered"]) for row in verdict.json["services"]} == {
        name: (0, [], []) for name in LOCATIONS
    }


THIRD_PARTY = (ROOT / "docs" / "third-party.md").read_text()


def not_compared(verdict: Ran) -> list[str]:
    """Tables whose models PostgreSQL does not build."""
    return [problem["where"] for problem in verdict.json["errors"] if problem["code"] == "not_compared"]


def documented() -> dict[tuple[str, str], set[str]]:
    return {(service, revision): set(codes.split(", ")) for service, revision, codes in ROW.findall(THIRD_PARTY)}
