"""All rules together: pages, tests, and the monorepo's own services."""

from __future__ import annotations

import re
from pathlib import Path

from aegisdb.lint import check, rules
from tests.invoke import ROOT
from tests.lint.judging import context_of, judge, rev

PAGES = ROOT / "docs" / "lint"


def test_every_rule_has_a_page_and_a_test() -> None:
    for name in rules():
        page = (PAGES / f"{name}.md").read_text("utf-8")
        assert page.startswith(f"# {name}\n\n"), name
        assert "\n## Problem\n" in page, name
        assert "\n## Solution\n" in page, name
        assert (Path(__file__).parent / f"test_{name.replace('-', '_')}.py").is_file(), name


def test_no_page_without_a_rule() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} - {"README"} == set(rules())
    listed = re.findall(r"^\| \[([a-z-]+)\]", (PAGES / "README.md").read_text("utf-8"), re.MULTILINE)
    assert listed == sorted(rules())


def test_a_rule_is_named_as_its_module() -> None:
    modules = {path.stem for path in (ROOT / "aegisdb" / "lint" / "rules").glob("[a-z]*.py")}
    assert {name.replace("-", "_") for name in rules()} == modules


def test_nothing_of_a_revision_is_run(tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    judge(tmp_path, rev("pass", head=f"open({str(trap)!r}, 'w')"))
    assert not trap.exists()


def test_the_services_of_the_monorepo_are_clean() -> None:
    context = context_of(ROOT)
    chosen = [(name, revision) for name, history in context.good().items() for revision in history.ordered()]
    assert len(chosen) > 20
    assert check(context, chosen).findings == ()
