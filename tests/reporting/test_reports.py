"""Reports are what other programs expect, whatever stands in a message."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

from aegisdb.errors import Problem
from aegisdb.reporting import Case, Mark, Stage, github_annotations, junit, markdown, sarif, write_report
from aegisdb.reporting.marks import mark_of_problem

NASTY = 'a < b & "c" \x00 \x1b[31m | d\nsecond: 100%'
PROBLEM = Problem(code="lint", message=NASTY, hint="fix | it", where="a/b.py:3")
OK = Stage(name="heads", state="ok", summary="2", cases=(Case(name="shop"),), problems=(), seconds=0.1)
FAILED = Stage(
    name="lint",
    state="failed",
    summary=NASTY,
    cases=(Case(name="secret", problems=(NASTY,), seconds=1), Case(name=NASTY)),
    problems=(PROBLEM,),
    seconds=1.25,
)
SKIPPED = Stage(name="deploy.prove", state="skipped", summary="no files", cases=(), problems=(), seconds=0)
STAGES = (OK, FAILED, SKIPPED)


def test_junit_counts_what_it_holds() -> None:
    root = ET.fromstring(junit(STAGES))  # noqa: S314  our own text
    assert (root.tag, root.get("tests"), root.get("failures")) == ("testsuites", "4", "1")
    assert [suite.get("name") for suite in root] == ["heads", "lint", "deploy.prove"]
    for suite in root:
        assert int(suite.get("tests", "")) == len(suite.findall("testcase"))
        assert int(suite.get("failures", "")) == len(suite.findall("testcase/failure"))
        assert int(suite.get("skipped", "")) == len(suite.findall("testcase/skipped"))
    failure = root.find("testsuite/testcase/failure")
    assert failure is not None
    assert "second: 100%" in str(failure.text)


def test_what_is_not_known_is_skipped_and_what_was_not_measured_has_no_time() -> None:
    cases = (Case(name="a", seconds=0.5), Case(name="b"), Case(name="c", skipped="not begun"))
    stage = Stage(name="rollout.eu", state="ok", summary="", cases=cases, problems=(), seconds=0.5)
    empty = Stage(name="rollout.us", state="ok", summary="", cases=(), problems=(), seconds=0)
    root = ET.fromstring(junit((stage, empty), {"shard": "0/2"}))  # noqa: S314  our own text
    assert (root.get("tests"), root[0].get("skipped"), root[1].get("tests")) == ("3", "1", "0")
    assert [case.get("time") for case in root.iter("testcase")] == ["0.500", None, None]
    assert [case.get("message") for case in root.iter("skipped")] == ["not begun"]
    assert [(one.get("name"), one.get("value")) for one in root.iter("property")] == [("shard", "0/2")] * 2


def test_a_stage_that_failed_as_a_whole_has_a_failed_case() -> None:
    stage = Stage(name="verify", state="failed", summary="x", cases=(), problems=(PROBLEM,), seconds=0)
    assert ET.fromstring(junit((stage,))).get("failures") == "1"  # noqa: S314  our own text


def test_sarif_names_rules_once_and_places_relative_to_the_root() -> None:
    marks = [
        Mark(rule="secret", message=NASTY, path="a b/ä.py", line=0, fix="x"),
        Mark(rule="secret", message="y"),
        Mark(rule="drift", message="z"),
    ]
    (run,) = json.loads(sarif(marks))["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["drift", "secret"]
    assert [result["ruleIndex"] for result in run["results"]] == [1, 1, 0]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%20b/%C3%A4.py"
    assert place["region"] == {"startLine": 1}
    assert "locations" not in run["results"][1]


def test_an_annotation_is_one_line_and_its_properties_cannot_be_broken_out_of() -> None:
    (line,) = github_annotations([Mark(rule="a,b:c", message=NASTY, path="x,y.py", line=3)])
    assert "\n" not in line
    assert line.startswith("::error file=x%2Cy.py,line=3,title=a%2Cb%3Ac::")
    assert line.endswith("%0Asecond: 100%25")


def test_markdown_has_a_row_a_stage() -> None:
    text = markdown(STAGES, "local")
    assert [line.split(" | ")[1] for line in text.splitlines() if line.startswith(("| ✅", "| ❌", "| ⏭"))] == [
        "heads",
        "lint",
        "deploy.prove",
    ]
    assert "1 ok, 1 failed, 1 skipped" in text
    assert "fix \\| it" in text


def test_a_problem_is_placed_where_its_file_is(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.py").touch()
    for where in ("a/b.py:3", f"{tmp_path}/a/b.py:3", f"{tmp_path}/a/b.py:3, {tmp_path}/a/c.py:4"):
        mark = mark_of_problem(Problem(code="x", message="m", where=where), tmp_path)
        assert (mark.path, mark.line) == ("a/b.py", 3)
    for where in ("", "table shop_items", "/etc/passwd:1", "a/none.py:3"):
        assert mark_of_problem(Problem(code="x", message="m", where=where), tmp_path).path == ""


def test_a_report_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "junit.xml"
    write_report(path, "one")
    write_report(path, "two")
    assert path.read_text() == "two"
    assert list(path.parent.iterdir()) == [path]
