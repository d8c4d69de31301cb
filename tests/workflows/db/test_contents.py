"""The table that a reset ends with says the same about owners as everything else does."""

from __future__ import annotations

from pathlib import Path

from aegisdb.building.inspection import Content
from aegisdb.workflows.db.contents import made_of
from aegisdb.workspace import open_workspace
from tests.monorepo import Svc, build_monorepo


def test_tables_are_told_by_owner(tmp_path: Path) -> None:
    services = {
        "shop": Svc(more={"owns": ["shop_*"]}),
        "billing": Svc(more={"owns": ["invoices"], "schema": "billing"}),
    }
    init = {"sql/base.sql": "CREATE TABLE notes (id int);"}
    ws = open_workspace(cwd=build_monorepo(tmp_path, services, init=init), environ={})
    # what a service with a schema owns is in that schema
    public = ("invoices", "notes", "shop_items", "shop_of wells.and leases", "shop_stock")
    tables = (("billing", "invoices"), *(("public", name) for name in public))
    content = Content(extensions={}, graphs=(), tables=tables, revisions={}, seeds={})
    told = {made.name: made.what for made in made_of(ws.registry, content)}
    assert told == {
        "base": "1: notes",
        "no service": "1: invoices",
        "billing": "1: billing.invoices",
        "shop": "3: shop_items, shop_of wells.and leases, shop_stock",
    }
