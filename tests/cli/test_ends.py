"""How a command ends: exit code, last line, envelope, masking, signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.demo import SECRET
from tests.invoke import ROOT, Ran, environment, started


def demo(*words: str, env: dict[str, str] | None = None) -> Ran:
    return started([sys.executable, "-m", "tests.cli.demo", *words], ROOT, env)


def test_a_result_is_text_on_stdout_and_its_time_on_stderr() -> None:
    ran = demo("rows")
    assert ran.code == 0
    assert "identity" in ran.out
    assert "12 ms" in ran.out
    assert ran.last.startswith("done in")


def test_json_is_one_envelope_and_nothing_else() -> None:
    ran = demo("rows", "--format", "json")
    assert ran.json["services"][1]["name"] == "größe"
    assert {key: ran.json[key] for key in ("version", "command", "ok", "exit_code", "errors")} == {
        "version": 1,
        "command": "__main__.rows",
        "ok": True,
        "exit_code": 0,
        "errors": [],
    }
    assert ran.err == ""


def test_a_partial_failure_shows_what_was_done_and_ends_with_the_next_command() -> None:
    ran = demo("partial")
    assert ran.code == 1
    assert "identity" in ran.out
    assert ran.last == "error[failed] identity 0004 failed; 0001 to 0003 are kept → invoke migrate.apply"


def test_a_partial_failure_in_json_has_both_services_and_errors() -> None:
    document = demo("partial", "--format", "json").json
    assert not document["ok"]
    assert document["exit_code"] == 1
    assert len(document["services"]) == 3
    assert document["errors"][0]["hint"] == "invoke migrate.apply"


def test_the_gravest_of_several_problems_is_the_last_line_and_the_exit_code() -> None:
    ran = demo("found")
    assert ran.code == 6
    assert ran.last.startswith("error[tampered]")
    assert "error[drift]" in ran.err


def test_more_lines_of_a_message_stand_above_the_last_line() -> None:
    ran = demo("dirty")
    assert ran.code == 5
    assert ran.err.splitlines()[-2:] == [
        "  CREATE INDEX a",
        "error[dirty] identity 0003 died half-way → invoke migrate.resolve",
    ]


def test_a_failed_statement_is_shown_without_its_password() -> None:
    ran = demo("statement")
    assert "PASSWORD '***'" in ran.err
    assert ran.last == "error[statement_failed] x.sql:3: role exists [42710]"


def test_a_bug_keeps_its_traceback_without_the_secret() -> None:
    ran = demo("bug")
    assert ran.code == 70
    assert "Traceback" in ran.err
    assert "in bug\n    raise ValueError" in ran.err
    assert SECRET not in ran.err
    assert ran.last.startswith("error[bug] ValueError: no way to use postgresql://aegis:***@db/aegis")


def test_a_bug_in_json_is_an_envelope_and_the_traceback_is_on_stderr() -> None:
    ran = demo("bug", "--format", "json")
    assert ran.json["exit_code"] == 70
    assert ran.json["errors"][0]["code"] == "bug"
    assert SECRET not in ran.out + ran.err
    assert "Traceback" in ran.err


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_result_that_cannot_be_printed_is_a_bug_without_the_secret(form: str) -> None:
    ran = demo("unprintable", "--format", form)
    assert ran.code == 70
    assert SECRET not in ran.out + ran.err
    assert ran.last.startswith("error[bug] ValueError: no way to print postgresql://aegis:***@db/aegis")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["echo", "x", "--kind", "larg"], "--kind does not know 'larg' → did you mean 'large'?"),
        (["echo", "x", "--count", "1x"], "--count needs a whole number, 0 or more, not '1x'"),
        (["echo", "x", "--count", "-3"], "--count needs a whole number, 0 or more, not '-3'"),
        (["echo", "x", "--ratio", "nan"], "--ratio needs a number, 0 or more, not 'nan'"),
        (["needs"], "demo.needs needs --service"),
        (["needs", "--service", ""], "--service needs a value, and what it was given is empty"),
        (["echo", "x", "--kind="], "--kind needs a value, and what it was given is empty"),
        (["echo", "x", "--tag", "a", "--tag", ""], "--tag needs a value, and what it was given is empty"),
    ],
)
def test_a_value_that_a_flag_cannot_take_is_bad_usage(words: list[str], message: str) -> None:
    ran = demo(*words)
    assert ran.code == 2
    assert message in ran.last.replace("__main__", "demo")
    assert "Traceback" not in ran.err


def test_values_arrive_in_their_types() -> None:
    ran = demo("echo", "x", "--count", "7", "--ratio", "0.25", "--tag", "a", "--tag", "b", "--format", "json")
    assert ran.json["result"] == {"text": "x small", "count": 7, "ratio": 0.25, "tags": ["a", "b"]}


def test_without_a_terminal_a_question_is_refused() -> None:
    ran = demo("asked")
    assert ran.code == 3
    assert ran.last.startswith("error[no_tty]")


def test_a_session_that_was_ended_for_it_is_not_what_an_interrupted_command_tells() -> None:
    ran = demo("ending")
    assert ran.code == 130
    assert ran.last == "error[interrupted] interrupted"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
@pytest.mark.parametrize("report", [True, False])
def test_a_signal_cleans_up_and_leaves_no_child(
    tmp_path: Path, number: signal.Signals, code: int, *, report: bool
) -> None:
    words = ["sleep", str(tmp_path), *(["--report"] if report else []), "--format", "json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.cli.demo", *words],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    child = tmp_path / "child"
    deadline = time.monotonic() + 120
    while not (child.exists() and child.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code
    assert (tmp_path / "clean").exists()
    assert not _alive(int(child.read_text()))
    document = json.loads(out)
    assert document["exit_code"] == code
    assert ("services" in document) == report
    assert "Traceback" not in err
    expected = "identity 0002 rolled back" if report else "interrupted"
    assert expected in document["errors"][-1]["message"]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
