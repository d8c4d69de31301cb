"""Rollouts in parts (`--shard`), their reports, and what a report says of members in every state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.fleets.tenants import NAMES, Tenants, tenants
from tests.invoke import Ran
from tests.monorepo import Svc
from tests.postgres_server import TestServer
from tests.workflows import project

SHOP = Svc(revisions=project.SHOP.revisions)
STAGES = [{"name": "eu", "match": {"region": "eu"}}, {"name": "rest"}]
PARTS = ("0/3", "1/3", "2/3")


@pytest.fixture
def fleet(server: TestServer, tmp_path: Path) -> Iterator[Tenants]:
    with tenants(tmp_path, server.address, SHOP, to="a1") as made:
        made.change(stages=STAGES)
        yield made


def merged(fleet: Tenants, *files: str, output: str = "") -> Ran:
    named = [word for file in files for word in ("--files", file)]
    wanted = ["--output", output] if output else []
    return fleet.invoke("report.merge", *named, *wanted, "--format", "json")


def cases(path: Path) -> dict[str, str]:
    """What a report says of each case."""
    root = ET.fromstring(path.read_text())  # noqa: S314  our own text
    found = {}
    for suite in root.iter("testsuite"):
        every = suite.findall("testcase")
        counted = [str(sum(case.find(tag) is not None for case in every)) for tag in ("failure", "skipped")]
        assert [suite.get(name) for name in ("tests", "failures", "skipped")] == [str(len(every)), *counted]
        for case in every:
            verdict = next((one.tag for one in case if one.tag in {"failure", "skipped"}), "passed")
            found[str(case.get("name"))] = verdict + ("" if case.get("time") else ", no time")
    assert (root.tag, root.get("tests")) == ("testsuites", str(len(found)))
    return found


def test_parts_of_a_rollout_are_put_together(fleet: Tenants) -> None:
    reports = fleet.root / "reports"
    reports.mkdir()
    fleet.execute("stark", "ALTER TABLE shop_items ADD price int")  # the last part fails at its last member
    for number, part in enumerate(PARTS):
        planned = fleet.invoke("rollout.plan", "--fleet", "tenants", "--shard", part, "--format", "json")
        (fleet.root / f"plan{number}.json").write_text(planned.out)
        ran = fleet.invoke("rollout.start", "--fleet", "tenants", "--shard", part, "--format", "json")
        (reports / f"part{number}.json").write_text(ran.out)
        identifier = ran.json["result"]["id"]
        written = fleet.invoke("rollout.report", identifier, "--output", str(reports / f"part{number}.xml"))
        assert written.code == 0, written.err
    plans = merged(fleet, *(f"plan{number}.json" for number in range(3)))
    assert plans.code == 0, plans.err
    (group,) = plans.json["result"]["report"]["groups"]
    assert sorted(group["members"]) == sorted(NAMES)
    assert [one["members"] for one in plans.json["result"]["report"]["stages"]] == [3, 3]
    every = merged(fleet, "reports")
    assert every.code == 1, every.err
    assert {one["name"] for one in every.json["result"]["report"]["members"]} == set(NAMES)
    assert {one["stage"]: sum(one["counts"].values()) for one in every.json["result"]["report"]["stages"]} == {
        "eu": 3,
        "rest": 3,
    }
    junit = merged(fleet, "reports", output="all.xml")
    assert junit.code == 0, junit.err
    assert junit.json["result"]["report"] == {"file": "all.xml", "tests": 6, "failures": 1, "skipped": 0}
    assert cases(fleet.root / "all.xml") == dict.fromkeys(NAMES, "passed") | {"stark": "failure"}
    _what_is_no_whole_is_refused(fleet)


def _what_is_no_whole_is_refused(fleet: Tenants) -> None:
    one, two, three = (f"reports/part{number}.xml" for number in range(3))
    text = (fleet.root / one).read_text()
    (fleet.root / "copy.xml").write_text(text)
    (fleet.root / "other.xml").write_text(text.replace('"tenants"', '"others"'))
    (fleet.root / "whole.xml").write_text('<testsuites><testsuite name="x"/></testsuites>')
    (fleet.root / "half.xml").write_text(text[:-20])
    for names, told in {
        (one, three): "part 1/3 is missing",
        (one, two, three, "copy.xml"): "part 0/3 is there twice",
        (two, three, "other.xml"): "is of others",
        (one, "whole.xml"): "no report of a part",
        (one, "half.xml"): "no report of a part",
        (one, "nowhere.xml"): "cannot read a report",
    }.items():
        ran = merged(fleet, *names, output="never.xml")
        assert (ran.code, told in ran.json["errors"][-1]["message"]) == (2, True), ran.out
    assert merged(fleet, one, two, three, output="never.txt").code == 2
    assert not list(fleet.root.glob("never*"))


def test_a_report_says_of_each_state_what_is_known(fleet: Tenants) -> None:
    fleet.execute("globex", "ALTER TABLE shop_items ADD price int")
    assert fleet.invoke("migrate.apply", "--target", "tenants/hooli").code == 0
    ran = fleet.invoke("rollout.start", "--fleet", "tenants", "--format", "json")
    assert ran.code == 1, ran.err
    identifier, path = ran.json["result"]["id"], fleet.root / "r.xml"
    assert fleet.invoke("rollout.report", identifier, "--output", str(path)).code == 0
    assert cases(path) == {
        "acme": "passed",
        "globex": "failure",
        "initech": "skipped, no time",
        "umbrella": "skipped, no time",
        "hooli": "passed, no time",
        "stark": "skipped, no time",
    }
    # what was reverted is neither good nor bad, and the rest of it is as it was
    log = fleet.root / "revert.jsonl"
    reverted = fleet.invoke("rollout.revert", identifier, "--confirm", identifier, "--events", str(log))
    assert reverted.code == 0, reverted.err
    assert "1 of 1 done" in reverted.err
    events = [line.partition('"event": ')[2].partition(",")[0] for line in log.read_text().splitlines()]
    assert events == ['"stage"', '"member"', '"member"', '"stage"', '"rollout"']
    assert fleet.invoke("rollout.report", identifier, "--output", str(path)).code == 0
    assert cases(path)["acme"] == "skipped"
