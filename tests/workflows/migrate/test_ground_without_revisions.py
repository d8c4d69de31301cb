"""A service's schema and base without any revision of it: after a reset, before the first apply, taken back to them."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo, table, write
from tests.running import rows

OWN = Svc(revisions=(Rev(id="o1", up=table("thing"), down='op.execute("DROP TABLE thing")'),), schema="own", owns=())
BASED = Svc(
    revisions=(Rev(id="b1", up=table("later"), down='op.execute("DROP TABLE later")'),),
    owns=("earlier", "later"),
    more={"base": ["services/based/base.sql"]},
)


@pytest.fixture
def root(tmp_path: Path, database: Address) -> Path:
    """One service makes all in a schema of its own, one starts on a table that it did not make."""
    made = build_monorepo(tmp_path, {"own": OWN, "based": BASED}, url=database.url())
    write(made / "services/based/base.sql", "CREATE TABLE earlier (id int PRIMARY KEY);\n")
    return made


def _drift(root: Path) -> dict[str, list[str]]:
    ran = invoke("migrate.verify", "--format", "json", cwd=root)
    return {row["service"]: [one["object"] for one in row["drift"]] for row in ran.json["services"]}


def test_what_they_stand_on_is_no_drift(root: Path, database: Address) -> None:
    assert _drift(root) == {"own": [], "based": []}
    assert invoke("migrate.apply", cwd=root).code == 0
    for service in ("own", "based"):
        assert invoke("migrate.rollback", "--service", service, "--to", "base", cwd=root).code == 0
    assert rows(database, "SELECT to_regnamespace('own') IS NULL, to_regclass('earlier') IS NULL") == [(False, False)]
    assert _drift(root) == {"own": [], "based": []}
    told = invoke("doctor", "--format", "json", cwd=root).json["errors"]
    assert {one["code"] for one in told} & {"drift", "does_not_build"} == set()


def test_a_service_with_a_schema_is_stamped(root: Path, database: Address) -> None:
    assert invoke("migrate.apply", cwd=root).code == 0
    again = invoke("migrate.stamp", "--service", "own", "--revision", "o1", cwd=root)
    assert again.code == 0, again.err
    wrong = invoke("migrate.stamp", "--service", "own", "--revision", "base", cwd=root)
    assert wrong.code == 6
    assert "added table own.thing" in wrong.err
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute("DROP TABLE own.thing")
    taken_back = invoke("migrate.stamp", "--service", "own", "--revision", "base", cwd=root)
    assert taken_back.code == 0, taken_back.err
    assert _drift(root) == {"own": [], "based": []}
