"""`service.owners` through the command: whose each object is, and what is not in order."""

from __future__ import annotations

from pathlib import Path

import psycopg

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Svc, build_monorepo


def test_every_object_has_an_owner_or_is_told(database: Address, tmp_path: Path) -> None:
    root = build_monorepo(
        tmp_path,
        {"alpha": Svc(owns=("alpha_*", "gone_*")), "beta": Svc(owns=("*_shared",))},
        url=database.url(),
        init={"init.sql": "CREATE TABLE base_t (id int);"},
    )
    with psycopg.connect(database.url(), autocommit=True) as conn:
        for name in ("base_t", "alpha_t", "alpha_shared", "by_hand"):
            conn.execute(f"CREATE TABLE {name} (id int)")
    ran = invoke("service.owners", "--format", "json", cwd=root)
    result = ran.json["result"]
    assert ran.code == 6
    assert "table public.alpha_t" in result["owned"]["alpha"]
    assert "table public.base_t" in result["owned"]["base"]
    assert result["contested"] == [{"object": "table public.alpha_shared", "services": ["alpha", "beta"]}]
    assert [(o["service"], o["pattern"]) for o in result["orphaned"]] == [("alpha", "gone_*")]
    assert result["unowned"] == ["table public.by_hand"]
    assert sorted(error["code"] for error in ran.json["errors"]) == ["contested", "unowned"]
