"""Fault 45 of docs/faults.md: closed stdout, ASCII terminals, no terminal, narrow terminals, full disks."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from tests.cli.demo import SECRET
from tests.cli.terminal import on_terminal
from tests.invoke import ROOT, environment

DEMO = [sys.executable, "-m", "tests.cli.demo"]


def shell(line: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a shell line with `$DEMO` in it; -o pipefail tells the command's own exit code."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line.replace("$DEMO", " ".join(DEMO))],
        cwd=ROOT,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
        text=True,
    )


@pytest.mark.parametrize("task", ["rows", "rows --format json", "slow", "partial"])
def test_a_closed_stdout_is_no_error_of_ours(task: str) -> None:
    done = shell(f"$DEMO {task} >&-")
    assert done.returncode == (1 if task == "partial" else 0)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.parametrize("task", ["rows", "rows --format json"])
def test_a_reader_that_goes_away_is_no_error_of_ours(task: str) -> None:
    done = shell(f"$DEMO {task} | true")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "Broken" not in done.stderr


def test_a_child_does_not_print_into_what_took_the_place_of_a_closed_stdout(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import subprocess\n"
        "from aegisdb.output import console\n"
        "console.occupy_standard_streams()\n"
        f"with open({str(tmp_path / 'file')!r}, 'w') as file:\n"
        "    subprocess.run(['echo', 'lost'], check=False)\n"
    )
    subprocess.run(["bash", "-c", f"{sys.executable} {script} >&- 2>&-"], cwd=ROOT, env=environment(), check=True)
    assert (tmp_path / "file").read_text() == ""


def test_a_full_disk_under_stdout_is_said_and_is_no_success() -> None:
    done = shell("$DEMO rows > /dev/full", {"PYTHONUNBUFFERED": ""})
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error[output] the result cannot be written: No space left")


@pytest.mark.parametrize("task", ["rows", "found", "rows --format json"])
def test_an_ascii_terminal_gets_ascii(task: str) -> None:
    done = shell(
        f"$DEMO {task}", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}
    )
    assert "Traceback" not in done.stderr
    assert done.stdout.isascii()
    assert done.stderr.isascii()
    assert "identity" in done.stdout


def test_without_a_terminal_lines_are_plain_and_whole() -> None:
    done = shell("$DEMO rows")
    assert "\x1b" not in done.stdout + done.stderr
    assert any("identity" in line and "a note that is longer" in line for line in done.stdout.splitlines())


@pytest.mark.parametrize("columns", [20, 40, 60, 200])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    screen = on_terminal([*DEMO, "rows"], columns=columns)
    assert screen.code == 0
    assert max(_columns(line) for line in screen.text.splitlines()) <= columns
    assert "知识图谱" in screen.text


def _columns(line: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in line)


def test_colours_are_for_terminals_that_want_them() -> None:
    assert "\x1b[" in on_terminal([*DEMO, "rows"], columns=80).raw
    assert "\x1b[" not in on_terminal([*DEMO, "rows"], columns=80, env={"NO_COLOR": "1"}).raw
    assert "\x1b[" not in on_terminal([*DEMO, "rows"], columns=80, env={"TERM": "dumb"}).raw


def test_progress_of_something_long_is_plain_lines_without_a_terminal() -> None:
    done = shell("$DEMO slow --format json")
    assert "  upgrade identity 0000 password=***  400 ms" in done.stderr.splitlines()
    assert "\x1b" not in done.stderr
    assert SECRET not in done.stderr


def test_progress_of_something_long_lives_on_a_terminal() -> None:
    screen = on_terminal([*DEMO, "slow", "--live"], columns=80)
    assert "upgrade identity 0003" in screen.text
    assert "\x1b[2K" in screen.raw
    assert SECRET not in screen.raw


def test_progress_of_something_short_is_silent() -> None:
    assert "upgrade" not in shell("$DEMO rows").stderr


def test_a_question_is_answered_on_a_terminal() -> None:
    screen = on_terminal([*DEMO, "asked"], columns=80, typed="aegis@localhost\n")
    assert screen.code == 0
    assert "Type the name:" in screen.text
    assert "aegis@localhost" in screen.text.split("Type the name:")[1]
