"""The bench: the same history for every tool, and budgets that are judged by ratios."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from benchmarks import against, budgets, growth, scenarios, tools
from benchmarks.builds import OTHER, THIS
from benchmarks.measuring import Command, Contender, Samples, compare
from benchmarks.project import DOCUMENTED
from benchmarks.registries import steps

_HISTORY = steps("shop", 12)
_PLANNED = re.compile(r"(\S+) \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \w+ <\S+@\S+>")


@pytest.mark.child
def test_what_is_short_is_asked_again_and_what_is_long_is_not(tmp_path: Path) -> None:
    def contender(name: str, *argv: str) -> Contender:
        return Contender(name, (Command(argv, tmp_path, {"PATH": os.defpath}),))

    found = compare("waiting", (contender("short", "sleep", "0.3"), contender("long", "sleep", "1")), rounds=2)
    assert 2 * 2 <= len(found["short"].wall) <= 2 * 4
    assert len(found["long"].wall) == 2


def test_sqitch_is_given_a_plan_and_a_script_for_each_way_of_each_step(tmp_path: Path) -> None:
    tools.SQITCH.write(tmp_path, "shop", _HISTORY, "psql")
    syntax, project, empty, *planned = (tmp_path / "sqitch.plan").read_text().splitlines()
    assert (syntax, project, empty) == ("%syntax-version=1.0.0", "%project=shop", "")
    matched = [_PLANNED.fullmatch(line) for line in planned]
    assert [line[1] for line in matched if line] == [step.id for step in _HISTORY]
    for step in _HISTORY:
        assert (tmp_path / "deploy" / f"{step.id}.sql").read_text() == f"BEGIN;\n{step.up};\nCOMMIT;\n"
        assert (tmp_path / "revert" / f"{step.id}.sql").read_text() == f"BEGIN;\n{step.down};\nCOMMIT;\n"


def test_yoyo_is_given_a_chain(tmp_path: Path) -> None:
    tools.YOYO.write(tmp_path, "shop", _HISTORY, "psql")
    before = ""
    for step in _HISTORY:
        assert (tmp_path / f"{step.id}.sql").read_text() == f"-- depends: {before}\n{step.up};\n"
        assert (tmp_path / f"{step.id}.rollback.sql").read_text() == f"{step.down};\n"
        before = step.id


def test_dbmate_is_given_both_ways_in_a_file_that_sorts_by_step(tmp_path: Path) -> None:
    tools.DBMATE.write(tmp_path, "shop", _HISTORY, "psql")
    written = [path.read_text() for path in sorted(tmp_path.iterdir())]
    assert written == [f"-- migrate:up\n{step.up};\n\n-- migrate:down\n{step.down};\n" for step in _HISTORY]


@pytest.mark.parametrize(("ours", "holds"), [(160.0, "yes"), (170.0, "**MISSED**")])
def test_a_budget_is_a_ratio_of_medians_of_the_run(ours: float, holds: str) -> None:
    found = {scenarios.NOTHING: {scenarios.BARE: Samples([100, 90, 500]), scenarios.OURS: Samples([ours])}}
    (row,) = budgets.rows(found, 3, 10)
    asked = f"{scenarios.NOTHING}: {scenarios.OURS} / {scenarios.BARE} | at most 1.6"
    assert row == f"| {asked} | {ours / 100:.2f} | {holds} |"


def test_a_budget_of_large_projects_is_not_asked_of_small_ones() -> None:
    found = {scenarios.STATUS: {DOCUMENTED: Samples([100]), scenarios.OURS: Samples([1])}}
    assert list(budgets.rows(found, 3, 10)) == []
    (row,) = budgets.rows(found, 50, 40)
    assert row.endswith("| at least 120 | 100.00 | **MISSED** |")


@pytest.mark.parametrize(("ours", "holds"), [(600.0, "yes"), (700.0, "**MISSED**")])
def test_a_copy_is_judged_with_what_invoke_itself_takes(ours: float, holds: str) -> None:
    samples = {scenarios.BARE: 100.0, scenarios.COPIED: 500.0, scenarios.WITHOUT_SPARE: ours}
    (row,) = budgets.rows({scenarios.RESET: {who: Samples([taken]) for who, taken in samples.items()}}, 50, 40)
    who = f"{scenarios.WITHOUT_SPARE} / ({scenarios.COPIED} + 1.5 {scenarios.BARE})"
    assert row == f"| {scenarios.RESET}: {who} | at most 1 | {ours / 650:.2f} | {holds} |"


@pytest.mark.parametrize(("size", "asked"), [((0, 0), "at least 2"), ((3, 10), "at least 1")])
def test_a_cold_reset_of_this_repository_is_asked_more(size: tuple[int, int], asked: str) -> None:
    found = {scenarios.RESET: {DOCUMENTED: Samples([150.0]), scenarios.COLD: Samples([100.0])}}
    (row,) = budgets.rows(found, *size)
    assert f"| {asked} | 1.50 |" in row


@pytest.mark.parametrize(("ours", "holds"), [(25.0, "yes"), (26.0, "**MISSED**")])
def test_another_build_is_judged_by_medians_of_wall_time_and_cpu_is_told(ours: float, holds: str) -> None:
    found = {against.ALL.format(400): {OTHER: Samples([100, 90, 900], [40]), THIS: Samples([ours], [20])}}
    (row,) = against.rows(found)
    work = "the other build / roundtrip --all of 1 x 400"
    assert row == f"| {work} | at least 4 | {100 / ours:.2f} | 2.00 | {holds} |"


def test_growth_is_judged_between_two_works_of_one_build() -> None:
    large, small = (against.ALL.format(revisions) for revisions in (2000, 400))
    found = {large: {THIS: Samples([700], [70])}, small: {THIS: Samples([100], [10]), OTHER: Samples([800], [10])}}
    assert [row.split(" | ")[1:] for row in against.rows(found)] == [
        ["at least 4", "8.00", "1.00", "yes |"],
        ["at most 6", "7.00", "7.00", "**MISSED** |"],
    ]


def test_each_ratio_is_asked_of_a_work_that_is_done() -> None:
    names = {work.name for work in against.WORKS}
    assert {wanted.work for wanted in against.WANTED} | {w.than for w in against.WANTED if w.than} <= names


def test_growth_of_what_the_server_alone_does_is_told_and_not_judged() -> None:
    few, many = (growth.Size(services, 4, growth.RUNS) for services in (10, 100))
    found = {
        size.named(growth.STATEMENTS): {growth.STATEMENTS: Samples([took])} for size, took in ((few, 2), (many, 23))
    }
    assert list(growth.rows(found)) == [f"| {many.named(growth.STATEMENTS)} / {few.name} | | 11.50 | | |"]
