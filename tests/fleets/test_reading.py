"""Commands that only read ask all members of a fleet from one process, and put equal answers together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from aegisdb.postgres.connection import connect
from tests.fleets.tenants import NAMES, Tenants, tenants
from tests.invoke import Ran
from tests.postgres_server import TestServer


@pytest.fixture(scope="module")
def fleet(server: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    with tenants(tmp_path_factory.mktemp("fleet"), server.address) as made:
        yield made


def groups(ran: Ran) -> dict[str, list[str]]:
    """Who gave each answer."""
    return {group["answer"]: group["members"] for group in ran.json["result"]["groups"]}


def members(ran: Ran) -> dict[str, dict[str, Any]]:
    return {member["name"]: member for member in ran.json["result"]["members"]}


def test_members_at_head_are_one_group(fleet: Tenants) -> None:
    ran = fleet.invoke("migrate.status", "--fleet", "tenants")
    assert ran.code == 0, ran.err
    first, second, *_ = ran.out.splitlines()
    assert first == "fleet tenants: 6 members"
    assert second == "6 at head"
    found = fleet.invoke("migrate.status", "--fleet", "tenants", "--format", "json")
    assert (found.json["target"], found.json["result"]["of"]) == ("tenants", 6)
    assert groups(found) == {"at head": list(NAMES)}
    one = members(found)["acme"]
    assert one["labels"] == {"region": "eu"}
    assert one["database"] == fleet.database("acme").database
    with connect(fleet.database("acme")) as conn:
        assert one["server"] == str(conn.identity().system_identifier)
    assert [(row["service"], row["applied"]) for row in one["detail"]["services"]] == [("shop", ["a2"])]


def test_who_is_behind_who_cannot_be_reached_and_who_is_half_way(fleet: Tenants) -> None:
    fleet.execute("globex", "UPDATE alembic_version_shop SET version_num = 'a1'; ALTER TABLE shop_items DROP price")
    fleet.execute("globex", "DELETE FROM aegisdb.journal WHERE revision = 'a2'")
    fleet.execute("initech", "UPDATE alembic_version_shop SET version_num = 'zz'")
    fleet.drop("hooli")
    try:
        found = fleet.invoke("migrate.status", "--fleet", "tenants", "--format", "json")
        assert groups(found) == {
            "at head": ["acme", "umbrella", "stark"],
            "pending 1": ["globex"],
            "unknown": ["initech"],
            "not reached (no_database)": ["hooli"],
        }
        assert members(found)["hooli"]["error"] == "no_database"
        assert found.code == 6  # an unknown revision is graver than a member that is not there
        assert {error["code"] for error in found.json["errors"]} == {"unknown_revision", "no_database"}
        text = fleet.invoke("migrate.status", "--fleet", "tenants")
        assert "3 at head; 1 pending 1; 1 unknown; 1 not reached (no_database)" in text.out
        # only those that are not reached are left: the code says so
        alone = fleet.invoke("migrate.status", "--fleet", "tenants", "--match", "name=hooli")
        assert alone.code == 7
        assert "error[no_database] 1 member (hooli): " in alone.last
        behind = fleet.invoke("migrate.status", "--fleet", "tenants", "--match", "name=globex", "--check")
        assert behind.code == 6
        assert "error[pending] 1 member (globex): shop has 1 pending revision → invoke rollout.start" in behind.last
    finally:
        for name in ("globex", "initech"):
            fleet.drop(name)
        for name in ("globex", "initech", "hooli"):
            fleet.make(name)


def test_verify_compares_all_with_one_reference(fleet: Tenants) -> None:
    clean = fleet.invoke("migrate.verify", "--fleet", "tenants", "--format", "json")
    assert clean.code == 0, clean.err
    assert groups(clean) == {"at head, as built": list(NAMES)}
    for name in ("acme", "stark"):
        fleet.execute(name, "ALTER TABLE shop_items ADD by_hand int")
    fleet.execute("globex", "UPDATE alembic_version_shop SET version_num = 'a1'; ALTER TABLE shop_items DROP price")
    fleet.execute("globex", "DELETE FROM aegisdb.journal WHERE revision = 'a2'")
    try:
        found = fleet.invoke("migrate.verify", "--fleet", "tenants", "--format", "json")
        drifted = "drift: column public.shop_items.by_hand"
        assert found.code == 6
        assert groups(found) == {
            "at head, as built": ["initech", "umbrella", "hooli"],
            drifted: ["acme", "stark"],
            "pending 1": ["globex"],
        }
        told = [error for error in found.json["errors"] if error["code"] == "drift"]
        assert len(told) == 1
        assert told[0]["message"].startswith("2 members (acme, stark): acme: shop: ")
        # a member alone says the same by the same words
        alone = fleet.invoke("migrate.verify", "--target", "tenants/acme", "--format", "json")
        assert alone.code == 6
        mine = members(found)["acme"]["detail"]["services"][0]
        assert alone.json["services"][0]["drift"] == mine["drift"]
    finally:
        for name in ("acme", "stark", "globex"):
            fleet.drop(name)
            fleet.make(name)


def test_verify_makes_nothing_in_a_member(fleet: Tenants) -> None:
    with connect(fleet.database("acme")) as conn:
        before = conn.value("SELECT max(xmin::text::bigint) FROM pg_class"), conn.value("SELECT count(*) FROM pg_class")
        assert fleet.invoke("migrate.verify", "--fleet", "tenants").code == 0
        after = conn.value("SELECT max(xmin::text::bigint) FROM pg_class"), conn.value("SELECT count(*) FROM pg_class")
    assert before == after


def test_labels_and_shards_choose(fleet: Tenants) -> None:
    ran = fleet.invoke("migrate.status", "--fleet", "tenants", "--match", "region=us")
    assert ran.out.splitlines()[0] == "fleet tenants: 3 of 6 members"
    shards = [
        groups(fleet.invoke("migrate.status", "--fleet", "tenants", "--shard", f"{n}/3", "--format", "json"))
        for n in range(3)
    ]
    found = [name for one in shards for names in one.values() for name in names]
    assert sorted(found) == sorted(NAMES)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--fleet", "tenant"), "error[unknown_fleet] no fleet is called 'tenant' → did you mean tenants?"),
        (("--fleet", "tenants", "--match", "tier=gold"), "no member of fleet tenants has a label 'tier'"),
        (("--fleet", "tenants", "--match", "region"), "--match needs LABEL=VALUE, not 'region'"),
        (("--fleet", "tenants", "--match", "region=mars"), "none of 6 members has region=mars"),
        (("--fleet", "tenants", "--shard", "3/3"), "--shard does not know '3/3'"),
        (("--fleet", "tenants", "--target", "local"), "--target and --fleet name different things"),
        (("--match", "region=eu"), "--match needs --fleet"),
        (("--target", "tenants/nobody"), "fleet tenants has no member 'nobody'"),
    ],
)
def test_what_chooses_nobody(fleet: Tenants, words: tuple[str, ...], said: str) -> None:
    ran = fleet.invoke("migrate.status", *words)
    assert ran.code == 2
    assert said in ran.last


def test_two_members_that_are_one_database(fleet: Tenants) -> None:
    listed = [{"name": name} for name in NAMES]
    listed.append({"name": "twin", "url_env": "TWIN"})
    fleet.change(members={"list": listed})
    try:
        twin = {"TWIN": fleet.database("acme").url()}
        ran = fleet.invoke("migrate.status", "--fleet", "tenants", env=twin)
        assert ran.code == 2
        assert "error[one_database] members acme, twin are one database (system identifier " in ran.last
        unset = fleet.invoke("migrate.status", "--fleet", "tenants")
        assert (unset.code, "the variable TWIN of member twin is not set" in unset.last) == (2, True)
    finally:
        fleet.change(members={"file": "tenants.csv"})


def test_members_from_a_query(fleet: Tenants) -> None:
    fleet.execute(
        "template", "CREATE TABLE customers AS VALUES ('acme', 'eu'), ('stark', 'us'); COMMENT ON TABLE customers IS ''"
    )
    query = "SELECT column1 AS name, column2 AS region FROM customers ORDER BY 1;"
    fleet.change(members={"target": "local", "query": query})
    try:
        found = fleet.invoke("migrate.status", "--fleet", "tenants", "--format", "json")
        assert groups(found) == {"at head": ["acme", "stark"]}
        assert members(found)["stark"]["labels"]["region"] == "us"
        fleet.change(members={"target": "local", "query": "DELETE FROM customers RETURNING column1 AS name"})
        refused = fleet.invoke("migrate.status", "--fleet", "tenants")
        assert refused.code == 1
    finally:
        fleet.execute("template", "DROP TABLE customers")
        fleet.change(members={"file": "tenants.csv"})


def test_journals_that_tell_the_same_are_one_group(fleet: Tenants) -> None:
    fleet.execute("hooli", "DELETE FROM aegisdb.journal")
    try:
        found = fleet.invoke("migrate.log", "--fleet", "tenants", "--format", "json")
        assert found.code == 0, found.err
        same = [name for name in NAMES if name != "hooli"]
        assert groups(found) == {"2 entries, last shop a2 upgrade done": same, "empty journal": ["hooli"]}
        assert [entry["revision"] for entry in members(found)["acme"]["detail"]] == ["a1", "a2"]
        assert "--show is about one database" in fleet.invoke("migrate.log", "--fleet", "tenants", "--show", "a1").last
        assert fleet.invoke("migrate.log", "--target", "tenants/acme", "--show", "a1").code == 0
    finally:
        fleet.drop("hooli")
        fleet.make("hooli")


def test_servers_of_all_members(fleet: Tenants) -> None:
    found = fleet.invoke("db.status", "--fleet", "tenants", "--format", "json")
    assert found.code == 0, found.err
    (answer,) = groups(found)
    assert answer.startswith("PostgreSQL 18")
    assert {member["detail"]["state"] for member in members(found).values()} == {"up"}


def test_a_member_is_never_a_throw_away_database(fleet: Tenants) -> None:
    ran = fleet.invoke("db.reset", "--target", "tenants/acme", "--yes")
    assert ran.code == 3
    assert "tenants/acme" in ran.last


def test_the_same_findings_are_one_group(fleet: Tenants) -> None:
    clean = fleet.invoke("doctor", "--fleet", "tenants", "--format", "json")
    assert groups(clean) == {"nothing is wrong": list(NAMES)}
    for name in ("acme", "stark"):
        fleet.execute(name, "CREATE TABLE by_hand (id int)")
    try:
        found = fleet.invoke("doctor", "--fleet", "tenants", "--format", "json")
        assert found.code == 6
        (healthy, ill) = groups(found).values()
        assert (len(healthy), ill) == (4, ["acme", "stark"])
        assert "2 members (acme, stark): acme: " in found.json["errors"][-1]["message"]
        assert "--fix is for one target" in fleet.invoke("doctor", "--fleet", "tenants", "--fix").last
    finally:
        for name in ("acme", "stark"):
            fleet.drop(name)
            fleet.make(name)
