"""Readings of a roundtrip are quick: a last full one must agree, and a switch does without them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from tests.invoke import ROOT, environment
from tests.monorepo import Rev, Svc, build_monorepo, table

_BROKEN = """
import sys
from aegisdb.fingerprint import dependencies
dependencies.CHANGING = {kind: text for kind, text in dependencies.CHANGING.items() if kind != "columns"}
from invoke.main import program
program.run(["invoke", *sys.argv[1:]])
"""


def column(way: str) -> str:
    return f'op.execute("ALTER TABLE app_1 ALTER id SET STATISTICS {way}")'


@pytest.mark.parametrize(("switch", "code"), [("", 70), ("1", 0)])
def test_a_wrong_quick_reading_ends_the_proof_as_a_bug(
    tmp_path: Path, database: Address, switch: str, code: int
) -> None:
    made = Rev(id="a1", up=table("app_1"), down='op.execute("DROP TABLE app_1")')
    # what the quick reading does not see here is no fault of the revision's: nothing but the last reading tells
    changed = Rev(id="a2", up=column("9"), down=column("-1"))
    build_monorepo(tmp_path, {"app": Svc(revisions=(made, changed))}, url=database.url())
    argv = [sys.executable, "-c", _BROKEN, "-r", str(ROOT), "migrate.roundtrip", "--all"]
    env = environment({"AEGIS_FULL_FINGERPRINT": switch})
    ran = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == code, ran.stderr
    assert ("AEGIS_FULL_FINGERPRINT=1 goes without it" in ran.stderr) == (code == 70)
