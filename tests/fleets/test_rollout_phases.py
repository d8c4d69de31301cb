"""Rollouts by phases: what old code bears goes to every member; contracts once no deployed code needs their objects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleets.tenants import NAMES, Tenants, tenants
from tests.invoke import Ran
from tests.lint.repository import commit, git
from tests.monorepo import Rev, Svc, table, write_revision
from tests.postgres_server import TestServer
from tests.running import rows, versions

OLD = """
class Item(Base):
    __tablename__ = "shop_items"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    code: Mapped[int | None]
"""
SHOP = Svc(
    revisions=(Rev(id="a1", up=table("shop_items", "code int")),),
    models=OLD,
    more={"one_way": True},
)


@pytest.fixture
def fleet(server: TestServer, tmp_path: Path) -> Iterator[Tenants]:
    """v1, which reads the column `code`, is deployed; its models are gone in v2, and a2 and a3 are pending."""
    with tenants(tmp_path, server.address, SHOP) as made:
        commit(tmp_path, "what runs")
        git(tmp_path, "tag", "v1")
        home = tmp_path / "services" / "shop"
        expand, contract = 'phase = "expand"', 'phase = "contract"'
        write_revision(home, Rev(id="a2", head=expand, up='op.execute("ALTER TABLE shop_items ADD title text")'), "a1")
        write_revision(home, Rev(id="a3", head=contract, up='op.execute("ALTER TABLE shop_items DROP code")'), "a2")
        models = home / "models.py"
        models.write_text(models.read_text().replace("    code: Mapped[int | None]", "    title: Mapped[str | None]"))
        commit(tmp_path, "nobody reads code")
        git(tmp_path, "tag", "v2")
        yield made


def start(fleet: Tenants, *words: str) -> Ran:
    return fleet.invoke("rollout.start", "--fleet", "tenants", *words, "--format", "json")


def at(fleet: Tenants) -> set[str]:
    return {revision for name in NAMES for revision in versions(fleet.database(name), "shop")}


def test_contracts_wait_and_are_refused_before_the_first_member_is_touched(fleet: Tenants) -> None:
    unsaid = start(fleet)
    assert unsaid.code == 3, unsaid.err
    assert "shop a3 is a contract, and nothing says which code runs on tenants/acme" in unsaid.err
    assert "`deployed:` of fleet tenants in services.yaml" in unsaid.err
    fleet.change(deployed="v1")
    needed = start(fleet)
    assert needed.code == 3, needed.err
    assert "takes away what v1 (" in needed.err
    assert at(fleet) == {"a1"}
    for name in NAMES:
        assert rows(fleet.database(name), "SELECT to_regclass('aegisdb.rollouts')") == [(None,)]
    planned = fleet.invoke("rollout.plan", "--fleet", "tenants", "--phase", "expand", "--format", "json")
    assert planned.code == 0, planned.err
    (group,) = planned.json["result"]["groups"]
    assert (group["pending"], planned.json["result"]["waiting"]) == ({"shop": ["a2"]}, ["shop a3: it is a contract"])
    expanded = start(fleet, "--phase", "expand")
    assert expanded.code == 0, expanded.err
    assert expanded.json["result"]["waiting"] == ["shop a3: it is a contract"]
    assert at(fleet) == {"a2"}
    identifier = expanded.json["result"]["id"]
    for word in ("status", "resume"):  # what waits is no part of this rollout
        again = fleet.invoke(f"rollout.{word}", identifier, "--format", "json")
        assert {one["state"] for one in again.json["result"]["members"]} == {"done"}, again.err
    assert at(fleet) == {"a2"}
    fleet.change(deployed="v2")
    ended = start(fleet)
    assert ended.code == 0, ended.err
    assert at(fleet) == {"a3"}
