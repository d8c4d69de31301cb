"""Grounds: what a service needs is migrated once, each on top of the last, and again only when it changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aegisdb.building.proof_templates import ground
from aegisdb.building.templates import drop_templates, template_names
from aegisdb.errors import RevisionFailed
from aegisdb.fingerprint import read
from aegisdb.postgres import databases
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.progress import Event
from aegisdb.workspace import Workspace, open_workspace
from tests.monorepo import Rev, Svc, build_monorepo, table, write_revision


def _opened(root: Path, events: list[Event]) -> Workspace:
    return open_workspace(cwd=root, environ=os.environ | {"AEGIS_TARGET": "local"}, listen=events.append)


def _upgraded(events: list[Event]) -> list[str]:
    return [event.subject for event in events if event.step == "upgrade" and event.seconds is not None]


def test_services_are_migrated_once_each(tmp_path: Path, database: Address) -> None:
    services = {
        name: Svc(revisions=(Rev(id=f"{name}1", up=table(f"{name}_t")),), after=after)
        for name, after in {"one": (), "two": ("one",), "three": ("two",)}.items()
    }
    root = build_monorepo(tmp_path, services, url=database.url(), extra={"project": database.database})
    events: list[Event] = []
    first = ground(_opened(root, events), {"one"})
    second = ground(_opened(root, events), {"two", "one"})
    assert ground(_opened(root, events), {"one", "two"}) == second != first
    assert _upgraded(events) == ["one one1", "two two1"]
    with scratch(database, template=second) as copy, connect(copy) as conn:
        facts = read(conn).facts
        assert {"table public.one_t", "table public.two_t"} <= facts.keys()
        assert "table public.three_t" not in facts
    write_revision(root / "services/one", Rev(id="one2", up="pass"), "one1")
    assert ground(_opened(root, events), {"one", "two"}) != second
    assert _upgraded(events)[2:] == ["one one1", "one one2", "two two1"]
    ws = _opened(root, events)
    with databases.maintenance(database) as conn:
        # a limit for the levels leaves the grounds, an end of all ends them too
        drop_templates(ws, conn, keep=1)
        assert first in {name for name, _, _ in template_names(ws, conn)}
        drop_templates(ws, conn)
        assert template_names(ws, conn) == ()


def test_a_service_that_does_not_apply_leaves_no_ground(tmp_path: Path, database: Address) -> None:
    services = {"bad": Svc(revisions=(Rev(id="bad1", up='op.execute("SELECT 1 / 0")'),))}
    root = build_monorepo(tmp_path, services, url=database.url(), extra={"project": database.database})
    ws = _opened(root, [])
    with pytest.raises(RevisionFailed, match="division by zero"):
        ground(ws, {"bad"})
    with databases.maintenance(database) as conn:
        assert not [name for name, _, _ in template_names(ws, conn) if "ground" in name]
        drop_templates(ws, conn)
