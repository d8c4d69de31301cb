"""The Job of docs/fleets.md: its command, run as each of its pods would."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.fleets.tenants import NAMES, Tenants, tenants
from tests.fleets.test_rollout import SHOP, runs
from tests.invoke import ROOT, command, environment
from tests.postgres_server import TestServer


@pytest.fixture
def fleet(server: TestServer, tmp_path: Path) -> Iterator[Tenants]:
    with tenants(tmp_path, server.address, SHOP, to="a1") as made:
        yield made


def test_each_pod_migrates_its_members_once(fleet: Tenants) -> None:
    text = (ROOT / "docs" / "fleets.md").read_text()
    manifest = re.search(r"```yaml\n(apiVersion: batch/v1\n.*?)```", text, re.DOTALL)
    assert manifest is not None
    spec = YAML(typ="safe").load(manifest[1])["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert f"/{spec['completions']}" in container["command"][2]
    shim = fleet.root / "bin" / "invoke"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {" ".join(command())} "$@"\n')
    shim.chmod(0o755)
    variables = environment(fleet.env)
    variables["PATH"] = f"{shim.parent}:{variables['PATH']}"
    found: dict[str, str] = {}
    # the first pod is started once more, as after an eviction
    for index in (*range(spec["completions"]), 0):
        env = {**variables, "JOB_COMPLETION_INDEX": str(index)}
        ran = subprocess.run(container["command"], cwd=fleet.root, env=env, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        members = {one["name"]: one["state"] for one in json.loads(ran.stdout)["result"]["members"]}
        again = found.keys() & members
        assert {members[name] for name in again} <= {"nothing to do"}
        found = members | found
    assert found == dict.fromkeys(NAMES, "done")
    assert runs(fleet) == dict.fromkeys(NAMES, 1)
