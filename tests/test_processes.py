"""Children see a clean environment and never outlive the tool."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aegisdb import processes
from aegisdb.errors import Failed

_TREE = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


def _is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.child
def test_what_leads_children_astray_is_scrubbed(monkeypatch: pytest.MonkeyPatch) -> None:
    astray = ("PGHOST", "PGOPTIONS", "PGSERVICE", "ALEMBIC_CONFIG", "PYTHONPATH", "PYTHONSTARTUP", "DATABASE_URL")
    for name in astray:
        monkeypatch.setenv(name, "astray")
    monkeypatch.setenv("PG_COLOR", "never")
    assert set(astray) <= set(processes.leftovers(os.environ))
    seen = processes.run(
        [sys.executable, "-c", "import os; print(' '.join(os.environ))"],
        env=processes.child_environment({"PGPORT": "1"}),
        timeout=60,
    ).stdout.split()
    assert not set(astray) & set(seen)
    assert {"PG_COLOR", "PGPORT", "PATH"} <= set(seen)


@pytest.mark.child
def test_arguments_are_never_a_shell_s(tmp_path: Path) -> None:
    odd = "a b; touch x; $(touch y) `touch z` 'q'\nnewline"
    done = processes.run([sys.executable, "-c", "import sys; print(sys.argv[1])", odd], cwd=tmp_path, timeout=60)
    assert done.stdout == f"{odd}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_timeout_stops_the_whole_group() -> None:
    child = processes.start([sys.executable, "-c", _TREE], stdout=subprocess.PIPE)
    assert child.stdout is not None
    grandchild = int(child.stdout.readline())
    processes.stop(child)
    assert child.returncode == -signal.SIGTERM
    assert _is_gone(grandchild)
    with pytest.raises(Failed) as caught:
        processes.run([sys.executable, "-c", "import time; time.sleep(600)"], timeout=0.2)
    assert caught.value.code == "timeout"


def test_a_child_that_ignores_sigterm_is_killed() -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    child = processes.start([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    processes.stop(child, grace=0.2)
    assert child.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_child_dies_with_a_killed_parent() -> None:
    code = (
        "import sys, time; from aegisdb import processes\n"
        "child = processes.start([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    assert _is_gone(child)


@pytest.mark.child
def test_a_missing_program_is_our_error() -> None:
    with pytest.raises(Failed) as caught:
        processes.run(["no-such-program-anywhere"], timeout=60)
    assert "no-such-program-anywhere" in caught.value.message
