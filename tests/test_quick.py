"""`pytest -m quick` chooses what needs no server and no child process, and catches what starts one all the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.invoke import ROOT, environment

TESTS = """
import os
from aegisdb import processes
from tests.invoke import invoke

class Wrapped:
    def start(self):
        return invoke("--list")

def helper():
    return Wrapped().start()

def test_plain():
    pass

def test_with_a_server(server):
    pass

def test_with_a_child_far_down():
    helper()

def test_that_forks():
    os.fork()

def test_where_the_product_starts_it():
    processes.run(["true"], timeout=5)
"""


def test_what_is_quick_is_found_and_watched(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(TESTS)
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-rA",
        "-m",
        "quick",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        [*argv, "--override-ini=timeout=60", f"--rootdir={tmp_path}", "-c", ROOT / "pyproject.toml", tmp_path],
        cwd=ROOT,
        env={name: value for name, value in environment().items() if name != "CI"},  # there production watches all
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed, 1 passed, 3 deselected" in done.stdout
    assert "PASSED" in next(line for line in done.stdout.splitlines() if line.endswith("test_plain"))
    assert "not quick: subprocess.Popen ('true', ['true']); mark the test `child`" in done.stdout
