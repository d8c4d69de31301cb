"""`fleets:` of services.yaml: what is refused before anything is contacted, and what a member's target is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aegisdb.errors import BadInput, RegistryError, UsageError
from aegisdb.members.choice import choose, with_member
from aegisdb.registry import load
from aegisdb.registry.types import Registry

TARGETS = {"local": {"server": "embedded"}, "vault": {"url": "postgresql://u@h/d", "protected": True}}


def read(root: Path, fleet: dict[str, Any], environ: dict[str, str] | None = None) -> Registry:
    document = {
        "version": 1,
        "project": "p",
        "targets": TARGETS,
        "database": {"name": "d", "user": "u", "password": "x"},
        "fleets": {"tenants": fleet},
    }
    (root / "services.yaml").write_text(json.dumps(document))
    return load(root / "services.yaml", environ or {})


@pytest.mark.parametrize(
    ("fleet", "said"),
    [
        ({"members": {}}, "members come from nowhere"),
        ({"members": {"list": ["a"], "file": "a.csv"}}, "members come from list and from file"),
        ({"members": {"target": "local"}}, "`target` and `query` belong together"),
        ({"members": {"target": "lokal", "query": "SELECT 1"}}, "no target is called 'lokal'"),
        ({"members": {"list": ["a", "a"]}}, "a is a member already"),
        ({"members": {"list": [{"region": "eu"}]}}, "this member has no `name`"),
        ({"members": {"list": ["a/b"]}}, "not usable as the name of a member"),
        ({"members": {"list": [{"name": "a", "the-tier": "x"}]}}, "not usable as a label: 'the-tier'"),
        ({"members": {"list": [1]}}, "a member is a name, or a mapping"),
        ({"members": {"file": "../a.csv"}}, "leaves the tree"),
        ({"members": {"list": ["a"]}, "url": "postgresql://h/{name"}, "a brace without its other half"),
        ({"members": {"list": ["a"]}, "url": "postgresql://h/{}"}, "{} is no label"),
        ({"members": {"list": ["a"]}, "proof": "lokal"}, "no target is called 'lokal'"),
        ({"members": {"list": ["a"]}, "proof": "vault"}, "target vault is protected"),
        ({"members": {"list": ["a"]}, "per_server": 0}, "a limit is 1 or more"),
        ({"members": {"list": ["a"]}, "stage": 1}, "unknown key"),
        ({"members": {"list": ["a"]}, "deployed": []}, "a command has words"),
        ({"members": {"list": ["a"]}, "stages": [{"name": "x"}, {"name": "x"}]}, "x is a stage already"),
        ({"members": {"list": ["a"]}, "stages": [{"name": "x", "parallel": 0}]}, "a limit is 1 or more"),
        ({"members": {"list": ["a"]}, "stages": [{"name": "x", "stop_after": "some"}]}, "a limit is 1 or more"),
        ({"members": {"list": ["a"]}, "stages": [{"name": "x", "stop_after": 1.5}]}, "a limit is a number of members"),
    ],
)
def test_what_is_refused(tmp_path: Path, fleet: dict[str, Any], said: str) -> None:
    with pytest.raises(RegistryError) as caught:
        read(tmp_path, fleet)
    assert any(said in fault.message for fault in caught.value.faults)


def test_a_label_stands_in_the_url_as_a_url_spells_it(tmp_path: Path) -> None:
    rows: list[Any] = ["a", {"name": "b", "db": "x y/z"}]
    fleet = {"members": {"list": rows}, "url": "postgresql://u:${PW}@h/{db}"}
    registry = read(tmp_path, fleet, {"PW": "p%40w"})
    made = with_member(read(tmp_path, {**fleet, "members": {"list": [rows[1]]}}, {"PW": "p"}), "tenants/b")
    target = made.target("tenants/b")
    assert target.urls()[0] == "postgresql://u:p@h/x%20y%2Fz"
    assert target.protected
    with pytest.raises(BadInput, match="member a has no label db"):
        choose(registry, "tenants", match=(), shard="")


def test_an_unset_variable_is_told_when_the_fleet_is_used(tmp_path: Path) -> None:
    registry = read(tmp_path, {"members": {"list": ["a"]}, "url": "postgresql://u:${PW}@h/{name}"})
    with pytest.raises(BadInput, match="the variable PW is not set"):
        choose(registry, "tenants", match=(), shard="")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "columns: none"),
        ("id,region\n1,eu\n", "columns: id, region"),
        ("name,my region\na,eu\n", "'my region' is no name of a column"),
        ("name,region\na\n", "this line has 1 value, the heading has 2"),
        ("name\na\na\n", "a is a member twice"),
        ("name\na b\n", "'a b' is not usable as the name of a member"),
    ],
)
def test_a_file_that_lists_no_members(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    registry = read(tmp_path, {"members": {"file": "a.csv"}, "url": "postgresql://u@h/{name}"})
    with pytest.raises(BadInput) as caught:
        choose(registry, "tenants", match=(), shard="")
    assert said in caught.value.message


def test_a_member_keeps_its_shard_when_others_come(tmp_path: Path) -> None:
    names = [f"t{n}" for n in range(40)]

    def shard(of: list[str], part: str) -> set[str]:
        registry = read(tmp_path, {"members": {"list": of}, "url": "postgresql://u@h/{name}"})
        return {member.name for member in choose(registry, "tenants", match=(), shard=part)[1].members}

    assert set.union(*(shard(names, f"{n}/4") for n in range(4))) == set(names)
    assert shard(names, "1/4") == shard(["new", *reversed(names)], "1/4") - {"new"}


def test_no_member_is_listed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name\n")
    registry = read(tmp_path, {"members": {"file": "a.csv"}, "url": "postgresql://u@h/{name}"})
    with pytest.raises(UsageError, match="no member is listed"):
        choose(registry, "tenants", match=(), shard="")
