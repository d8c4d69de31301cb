"""Which line of what a child printed says what was raised."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aegisdb.plain_text import exception_line
from tests.invoke import invoke

LONG = 'raise ValueError("connection refused\\n(Background on this error at: somewhere)")'


@pytest.mark.child
@pytest.mark.parametrize(
    ("code", "line"),
    [
        (LONG, "ValueError: connection refused"),
        (f"try:\n    1 / 0\nexcept ZeroDivisionError:\n    {LONG}", "ValueError: connection refused"),
        ("error = KeyError(1)\nerror.add_note('more')\nraise error", "KeyError: 1"),
        ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("def", "SyntaxError: invalid syntax"),
        ("import sys; sys.exit('stopped')", "stopped"),
        ("import sys; sys.exit(1)", "no output"),
    ],
)
def test_it_is_that_of_the_last_exception(code: str, line: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert exception_line(done.stderr) == line


@pytest.mark.child
def test_a_driver_that_does_not_load_is_the_environment_and_no_bug(tmp_path: Path) -> None:
    broken = tmp_path / "broken" / "psycopg"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text('raise ImportError("no pq wrapper available.\\nAttempts made:\\n- c")\n')
    (tmp_path / "services.yaml").write_text(
        "version: 1\nproject: p\ntargets: {t: {url: 'postgresql://a:b@127.0.0.1:1/a'}}\ndatabase: {name: a, user: a}\n"
    )
    ran = invoke("db.status", cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "broken")})
    assert ran.code == 7, ran.err
    assert "error[driver] psycopg cannot be loaded: no pq wrapper available." in ran.err
    assert "pip install" in ran.last
    assert "Traceback" not in ran.err
