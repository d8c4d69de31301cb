"""Rollouts: every member once, whoever is killed; a stage that fails stops the rest."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aegisdb.errors import BadInput
from aegisdb.postgres import databases
from aegisdb.postgres.connection import connect
from aegisdb.workflows.rollout.record import Record
from tests.damages import DAMAGES, repair
from tests.fleets.tenants import NAMES, REGIONS, Tenants, tenants
from tests.invoke import Ran, command, environment
from tests.monorepo import Rev, Svc, table
from tests.poolers.programs import pgbouncer
from tests.postgres_server import TestServer
from tests.running import eventually

SLOW = """\
op.execute("LOCK TABLE shop_runs IN SHARE MODE")
with op.get_context().autocommit_block():
    op.execute("INSERT INTO shop_runs SELECT 'a2' FROM pg_sleep(0.2)")
op.execute("ALTER TABLE shop_items ADD price int")"""
SHOP = Svc(
    revisions=(
        Rev(
            id="a1",
            up=table("shop_items") + '\nop.execute("CREATE TABLE shop_runs (revision text)")',
            down='op.execute("DROP TABLE shop_items, shop_runs")',
        ),
        Rev(
            id="a2",
            up=SLOW,
            down="op.execute(\"ALTER TABLE shop_items DROP price; DELETE FROM shop_runs WHERE revision = 'a2'\")",
        ),
    )
)
STAGES = [
    {"name": "canary", "match": {"region": "eu"}, "parallel": 2},
    {"name": "rest", "parallel": 3, "per_server": 2},
]


@pytest.fixture
def fleet(server: TestServer, tmp_path: Path) -> Iterator[Tenants]:
    with tenants(tmp_path, server.address, SHOP, to="a1") as made:
        made.change(stages=STAGES)
        yield made


def states(ran: Ran) -> dict[str, str]:
    return {one["name"]: one["state"] for one in ran.json["result"]["members"]}


def runs(fleet: Tenants) -> dict[str, int]:
    """How often the data migration ran in each member."""
    found = {}
    for name in NAMES:
        with connect(fleet.database(name)) as conn:
            found[name] = int(conn.value("SELECT count(*) FROM shop_runs"))
    return found


def sessions(fleet: Tenants) -> int:
    """Sessions of anybody on members, this test's own left out."""
    with databases.maintenance(fleet.maintenance, application="the test looks") as conn:
        sql = "SELECT count(*) FROM pg_stat_activity WHERE starts_with(datname, %s) AND datname <> %s"
        return int(conn.value(sql, (fleet.prefix, f"{fleet.prefix}_template")))


def test_every_member_once_with_few_sessions(fleet: Tenants) -> None:
    planned = fleet.invoke("rollout.start", "--fleet", "tenants", "--dry-run", "--format", "json")
    assert planned.code == 0, planned.err
    assert set(states(planned).values()) == {"not begun"}
    assert set(runs(fleet).values()) == {0}
    rehearsed = fleet.invoke("rollout.plan", "--fleet", "tenants", "--format", "json")
    assert rehearsed.code == 0, rehearsed.err
    (group,) = rehearsed.json["result"]["groups"]
    assert (group["members"], group["pending"]) == (list(NAMES), {"shop": ["a2"]})
    assert any("ADD price" in one["sql"] for one in group["rehearsal"]["revisions"][0]["statements"])
    stages = {stage["stage"]: stage for stage in rehearsed.json["result"]["stages"]}
    assert (stages["canary"]["per_server"], stages["rest"]["per_server"]) == (3, 6)
    assert set(runs(fleet).values()) == {0}
    most, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            most.append(sessions(fleet))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        words = ("--events", "events.jsonl", "--format", "json")
        ran = fleet.invoke("rollout.start", "--fleet", "tenants", *words)
    finally:
        over.set()
        watching.join()
    assert ran.code == 0, ran.err
    _tells_every_turn(fleet, ran)
    assert states(ran) == dict.fromkeys(NAMES, "done")
    assert runs(fleet) == dict.fromkeys(NAMES, 1)
    assert 0 < max(most) <= 2 * 3
    identifier = ran.json["result"]["id"]
    asked = fleet.invoke("rollout.status", identifier, "--format", "json")
    assert (asked.code, asked.json["result"]["state"]) == (0, "done")
    # what is done is left alone, and another rollout has nothing to do
    again = fleet.invoke("rollout.resume", identifier, "--format", "json")
    assert (again.code, states(again)) == (0, dict.fromkeys(NAMES, "done"))
    other = fleet.invoke("rollout.start", "--fleet", "tenants", "--format", "json")
    assert (other.code, states(other)) == (0, dict.fromkeys(NAMES, "nothing to do"))
    assert runs(fleet) == dict.fromkeys(NAMES, 1)
    _reports(fleet, identifier)
    _kept_files_are_only_a_cache(fleet, identifier)
    _reverts(fleet, identifier)


def _tells_every_turn(fleet: Tenants, ran: Ran) -> None:
    """JSON lines in the order of what happened; in a log one line a stage, and none for a member that is done."""
    events = [json.loads(line) for line in (fleet.root / "events.jsonl").read_text().splitlines()]
    assert {one["rollout"] for one in events} == {ran.json["result"]["id"]}
    of_stages = [(one["stage"], one["state"]) for one in events if one["event"] == "stage"]
    assert of_stages == [("canary", "begun"), ("canary", "ended"), ("rest", "begun"), ("rest", "ended")]
    for name in NAMES:
        assert [one["state"] for one in events if one.get("member") == name] == ["begun", "done"]
    assert (events[-1]["event"], events[-1]["state"]) == ("rollout", "done")
    lines = [line.split() for line in ran.err.splitlines()]
    assert [line[:2] for line in lines if line[:1] == ["stage"]] == [["stage", "canary"], ["stage", "rest"]]
    assert not [line for line in lines if line[:1] == ["member"]]


def _reports(fleet: Tenants, identifier: str) -> None:
    xml = fleet.root / "rollout.xml"
    assert fleet.invoke("rollout.report", identifier, "--output", str(xml)).code == 0
    assert re.findall(r'<testcase [^>]*name="(\w+)"', xml.read_text()) == list(NAMES)
    assert fleet.invoke("rollout.report", identifier, "--output", str(fleet.root / "r.json")).code == 0
    written = json.loads((fleet.root / "r.json").read_text())
    assert [one["name"] for one in written["members"]] == list(NAMES)
    page = fleet.invoke("rollout.report", identifier, "--format", "json")
    assert page.code == 0, page.err
    text = Path(page.json["result"]["file"]).read_text()
    assert "<svg" in text
    assert "3 done" in text
    assert [f">{name}</td>" in text for name in NAMES] == [True] * len(NAMES)
    assert all(one["seconds"] > 0 and one["at"] == "shop a2" for one in written["members"])


def _kept_files_are_only_a_cache(fleet: Tenants, identifier: str) -> None:
    state = fleet.root / ".aegisdb"
    path = state / "rollouts" / f"{identifier}.json"
    content, before = path.read_bytes(), Record.kept(state, identifier)
    assert before is not None
    for name, damage in DAMAGES.items():
        damage(path)
        assert Record.kept(state, identifier) in (None, before), name
        repair(path, content)
    path.write_bytes(content[:-1])
    asked = fleet.invoke("rollout.status", identifier, "--format", "json")
    assert (asked.code, states(asked)) == (0, dict.fromkeys(NAMES, "done"))
    assert Record.kept(state, identifier) == before
    plain = json.loads(before.text())
    others: tuple[Any, ...] = (plain | {"more": 1}, {"id": "x"}, plain | {"stages": [1]}, [], 3)
    for other in others:
        with pytest.raises(BadInput):
            Record.of(other)


def _reverts(fleet: Tenants, identifier: str) -> None:
    fleet.execute("acme", "INSERT INTO shop_items (id, price) VALUES (1, 5), (2, 6), (3, NULL)")
    shown = fleet.invoke("rollout.revert", identifier, "--dry-run").out
    assert re.search(r"would lose +rows in all members\s+shop_items\.price +2\n", shown), shown
    refused = fleet.invoke("rollout.revert", identifier, "--format", "json")
    assert (refused.code, refused.json["result"]["losses"]) == (3, {"shop_items.price": 2})
    told = "6 members would be reverted; lost in all of them together: shop_items.price with 2 rows; it was not"
    assert (told in refused.last, f"--confirm {identifier}" in refused.last) == (True, True), refused.err
    assert runs(fleet) == dict.fromkeys(NAMES, 1)
    fleet.execute("hooli", "ALTER TABLE shop_items DROP price")  # its downgrade fails
    words = ("rollout.revert", identifier, "--confirm", identifier, "--events", "reverted.jsonl", "--format", "json")
    part = fleet.invoke(*words)
    assert part.code == 1, part.err
    assert states(part) == dict.fromkeys(NAMES, "reverted") | {"hooli": "failed"}
    assert "5 of 6 done, 1 not done" in part.err
    events = [json.loads(line) for line in (fleet.root / "reverted.jsonl").read_text().splitlines()]
    for name in NAMES:
        assert [one["state"] for one in events if one.get("member") == name] == ["begun", states(part)[name]]
    assert (events[0]["stage"], events[-1]["state"]) == ("revert", "partly reverted")
    assert "was reverted in some members" in fleet.invoke("rollout.status", identifier).out
    fleet.execute("hooli", "ALTER TABLE shop_items ADD price int")
    rest = fleet.invoke(*words)
    assert (rest.code, states(rest)) == (0, {"hooli": "reverted"}), rest.err
    assert runs(fleet) == dict.fromkeys(NAMES, 0)
    resumed = fleet.invoke("rollout.resume", identifier, "--format", "json")
    assert (resumed.json["result"]["state"], states(resumed)) == ("reverted", dict.fromkeys(NAMES, "reverted"))
    assert runs(fleet) == dict.fromkeys(NAMES, 0)


def test_a_canary_that_fails_leaves_the_rest_untouched(fleet: Tenants) -> None:
    fleet.execute("acme", "ALTER TABLE shop_items ADD price int")
    ran = fleet.invoke("rollout.start", "--fleet", "tenants", "--format", "json")
    assert ran.code == 5  # what the autocommit block did is committed: a person decides
    found = states(ran)
    assert {found[name] for name in NAMES if name != "acme"} == {"not begun"}
    assert found["acme"] == "decide"
    assert ran.json["result"]["state"] == "stopped"
    assert runs(fleet) == dict.fromkeys(NAMES, 0) | {"acme": 1}
    for name in NAMES[1:]:
        with connect(fleet.database(name)) as conn:
            assert conn.value("SELECT to_regclass('aegisdb.rollouts')::text") is None
    # other files are another rollout
    path = fleet.root / "services" / "shop" / "alembic" / "versions" / "a2.py"
    text = path.read_text()
    path.write_text(text.replace("ADD price int", "ADD price bigint"))
    identifier = ran.json["result"]["id"]
    other = fleet.invoke("rollout.resume", identifier)
    assert (other.code, "error[other_files]" in other.last) == (6, True)
    path.write_text(text)
    fleet.execute("acme", "ALTER TABLE shop_items DROP price")
    fleet.execute("acme", "DELETE FROM shop_runs")
    resolved = fleet.invoke("migrate.resolve", "--target", "tenants/acme", "--service", "shop", "--rolled-back")
    assert resolved.code == 0, resolved.err
    # a member that came meanwhile is named, on a machine that knows nothing of the rollout
    fleet.make("late")
    (fleet.root / "tenants.csv").write_text((fleet.root / "tenants.csv").read_text() + "late,us\n")
    shutil.rmtree(fleet.root / ".aegisdb" / "rollouts")
    done = fleet.invoke("rollout.resume", identifier, "--format", "json")
    assert done.code == 0, done.err
    assert states(done) == dict.fromkeys(NAMES, "done")
    assert done.json["result"]["born"] == ["late"]
    assert runs(fleet) == dict.fromkeys(NAMES, 1)


def test_a_member_behind_a_shared_pooler_stops_all_before_the_first(fleet: Tenants, server: TestServer) -> None:
    listed = [{"name": name, "region": "eu"} for name in NAMES[:-1]]
    with pgbouncer(server, "transaction") as address:
        pooled = {"POOLED": address.with_database(fleet.database("stark").database).url()}
        fleet.change(members={"list": [*listed, {"name": "stark", "region": "us", "url_env": "POOLED"}]})
        refused = fleet.invoke("rollout.start", "--fleet", "tenants", "--format", "json", env=pooled)
        assert refused.code == 3, refused.err
        assert refused.json["result"]["state"] == "refused"
        assert (states(refused)["stark"], states(refused)["acme"]) == ("refused", "not begun")
        assert "shared_session" in refused.json["errors"][-1]["message"]
        assert runs(fleet) == dict.fromkeys(NAMES, 0)
        direct = {"DIRECT": fleet.database("stark").url(), **pooled}
        stark = {"name": "stark", "region": "us", "url_env": "POOLED", "direct_url_env": "DIRECT"}
        fleet.change(members={"list": [*listed[:1], stark]})
        done = fleet.invoke("rollout.start", "--fleet", "tenants", "--format", "json", env=direct)
        assert done.code == 0, done.err
    assert runs(fleet) == dict.fromkeys(NAMES, 0) | {"acme": 1, "stark": 1}


def test_what_is_in_the_way_stops_all_before_the_first_and_a_canary_that_fails_the_rest(fleet: Tenants) -> None:
    listed = [{"name": name, "region": region} for name, region in zip(NAMES, REGIONS, strict=True)]
    twice = {"SAME": fleet.database("stark").url()}
    fleet.change(members={"list": [*listed, {"name": "again", "region": "us", "url_env": "SAME"}]})
    one_database = fleet.invoke("rollout.start", "--fleet", "tenants", env=twice)
    assert (one_database.code, "error[one_database] members stark, again are one" in one_database.last) == (2, True)
    gone = {"GONE": fleet.database("nowhere").url()}
    fleet.change(members={"list": [*listed, {"name": "nowhere", "region": "us", "url_env": "GONE"}]})
    refused = fleet.invoke("rollout.start", "--fleet", "tenants", env=gone)
    assert (refused.code, "leave them out: --skip" in refused.last) == (7, True)
    assert not (fleet.root / ".aegisdb" / "rollouts").exists()
    fleet.execute("acme", "ALTER TABLE shop_runs RENAME TO elsewhere")
    ran = fleet.invoke("rollout.start", "--fleet", "tenants", "--skip", "--format", "json", env=gone)
    fleet.execute("acme", "ALTER TABLE elsewhere RENAME TO shop_runs")
    assert ran.code == 1, ran.err
    assert states(ran) == dict.fromkeys(NAMES, "not begun") | {"acme": "failed", "nowhere": "left out"}
    assert runs(fleet) == dict.fromkeys(NAMES, 0)
    done = fleet.invoke("rollout.resume", ran.json["result"]["id"], "--skip", "--format", "json", env=gone)
    assert (done.code, states(done)) == (0, dict.fromkeys(NAMES, "done") | {"nowhere": "left out"}), done.err
    assert runs(fleet) == dict.fromkeys(NAMES, 1)


def test_interrupted_and_resumed_each_member_is_migrated_once(fleet: Tenants) -> None:
    begun = subprocess.Popen(
        command("rollout.start", "--fleet", "tenants", "--format", "json"),
        cwd=fleet.root,
        env=environment(fleet.env),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while sum(runs(fleet).values()) < 1 and begun.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    (kept,) = (fleet.root / ".aegisdb" / "rollouts").glob("*.json")
    identifier = kept.stem
    begun.send_signal(signal.SIGINT)
    begun.wait()
    _decide(fleet, identifier)
    done = fleet.invoke("rollout.resume", identifier, "--format", "json")
    assert done.code == 0, done.err
    assert states(done) == dict.fromkeys(NAMES, "done")
    assert runs(fleet) == dict.fromkeys(NAMES, 1)
    assert sessions(fleet) == 0
    with databases.maintenance(fleet.maintenance) as conn:
        scratch = conn.rows("SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{fleet.prefix}%scratch%",))
        locks = conn.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database IS NOT NULL")
    assert (scratch, locks) == ([], 0)


def _decide(fleet: Tenants, identifier: str) -> None:
    """Decide about members that died after their block had committed, as a person would: by what is there."""
    assert eventually(lambda: sessions(fleet) == 0)  # what a server has begun it ends, whoever has gone
    asked = fleet.invoke("rollout.status", identifier, "--format", "json")
    for name, state in states(asked).items():
        assert state != "running"
        if state == "decide":
            if runs(fleet)[name]:
                fleet.execute(name, "DELETE FROM shop_runs")
            done: Any = fleet.invoke(
                "migrate.resolve", "--target", f"tenants/{name}", "--service", "shop", "--rolled-back"
            )
            assert done.code == 0, done.err
