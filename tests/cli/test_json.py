"""`--format json` of every task on the menu: one envelope on stdout that agrees with the exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

import tasks
from aegisdb.postgres.address import Address
from tests.invoke import anew as invoke
from tests.monorepo import Rev, Svc, build_monorepo

_WORDS = {
    "db.url": ["--safe"],
    "db.wait": ["--timeout", "5"],
    "dev.bench": ["--nosuch"],
    "dev.bench-tests": ["--nosuch"],
    "dev.docs": ["--check"],
    "explain": ["half_applied"],
    "migrate.new": ["--service", "shop", "-m", "add nothing"],
    "migrate.reapply": ["--service", "shop", "--yes"],
    "migrate.rollback": ["--service", "shop"],
    "migrate.sql": ["--service", "shop"],
    "migrate.stamp": ["--service", "shop"],
    "db.drop-snapshot": ["none"],
    "db.restore": ["none"],
    "db.snapshot": ["kept"],
    "service.add": ["billing"],
    "service.adopt": ["services/shop"],
}


@pytest.mark.parametrize("name", sorted(set(tasks.ns.task_names) - {"db.shell"}))
def test_every_task_answers_with_one_envelope(name: str, tmp_path: Path, database: Address) -> None:
    revision = Rev(id="r1", up='op.create_table("shop_a", sa.Column("id", sa.Integer))', down='op.drop_table("shop_a")')
    model = "shop_a = sa.Table('shop_a', Base.metadata, sa.Column('id', sa.Integer))"
    root = build_monorepo(tmp_path, {"shop": Svc(revisions=(revision,), models=model)}, url=database.url())
    ran = invoke(name, *_WORDS.get(name, []), "--format", "json", cwd=root)
    assert ran.json["version"] == 1
    assert ran.json["command"] == name
    assert ran.json["exit_code"] == ran.code
    assert ran.json["ok"] == (ran.code == 0)
    assert bool(ran.json["errors"]) == (ran.code != 0)
    assert ran.code != 70, ran.err
    assert all(error["code"] and error["message"] for error in ran.json["errors"])
