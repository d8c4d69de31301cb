"""docs/faults.md is true: every fault has a row, and every test that a row names exists."""

from __future__ import annotations

import ast
import re
from functools import cache

from tests.invoke import ROOT

LAST = 46
ROW = re.compile(r"^\| (\d+) \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)


@cache
def functions_of(path: str) -> frozenset[str]:
    """Names of the test functions of a file below tests/."""
    body = ast.parse((ROOT / "tests" / path).read_text("utf-8")).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef))


def named() -> dict[int, list[str]]:
    """Fault -> tests, as the page has them."""
    page = (ROOT / "docs" / "faults.md").read_text("utf-8")
    return {int(number): re.findall(r"`([\w/]+\.py::\w+)`", tests) for number, tests in ROW.findall(page)}


def test_every_fault_has_a_row_with_tests() -> None:
    rows = named()
    assert all(rows.values())
    assert list(rows) == sorted({*rows, *range(1, LAST + 1)})


def test_every_test_that_a_row_names_exists() -> None:
    listed = {name for tests in named().values() for name in tests}
    missing = [name for name in listed if name.partition("::")[2] not in functions_of(name.partition("::")[0])]
    assert missing == []


def test_ci_runs_all_of_it_with_the_rounds_of_ci() -> None:
    """Damages, pairs and servers: .ci/run leaves no test of the suite out, and says that it is CI."""
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    suite = re.findall(r"^CI=1 timeout .*quick_start 2", script, re.MULTILINE)
    assert len(suite) == 1
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "&& .venv/bin/pytest -q -n 2\n" in readme
