"""The table that a reset ends with says the same about owners as everything else does."""

from __future__ import annotations

from pathlib import Path

from aegisdb.building.inspecting import Content
from aegisdb.workflows.contents import made_of
from aegisdb.workspace import open_workspace
from tests.monorepo import Svc, build_monorepo


def test_tables_are_told_by_owner(tmp_path: Path) -> None:
    services = {
        "shop": Svc(more={"owns": ["shop_*"]}),
        "billing": Svc(more={"owns": ["invoices"], "schema": "billing"}),
    }
    ws = open_workspace(cwd=build_monorepo(tmp_path, services), environ={})
    # what a service with a schema owns is in that schema
    tables = ("billing.invoices", "public.invoices", "public.notes", "public.shop_items", "public.shop_stock")
    content = Content(extensions={}, graphs=(), tables=tables, revisions={}, seeds={})
    told = {made.name: made.what for made in made_of(ws.registry, content)}
    assert told == {
        "base": "2: invoices, notes",
        "billing": "1: billing.invoices",
        "shop": "2: shop_items, shop_stock",
    }
