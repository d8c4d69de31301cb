"""Tab completion in the shells themselves, with the script that `--print-completion-script` prints."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.invoke import ROOT, environment

_LINES = {
    "bash": 'source <(invoke --print-completion-script bash)\nCOMP_WORDS=({line})\n_complete_invoke invoke "{word}"\n'
    'printf "%s\\n" "${{COMPREPLY[@]}}"',
    "zsh": "source <(invoke --print-completion-script zsh)\nwords=({line})\n_complete_invoke\nprint -l -- $reply",
    "fish": 'invoke --print-completion-script fish | source\ncomplete --do-complete "{line}"',
}


def complete(shell: str, line: str) -> list[str]:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = _LINES[shell].format(line=line, word=line.rsplit(maxsplit=1)[-1])
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    flags = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    done = subprocess.run(
        [shell, *flags, "-c", script],
        cwd=ROOT,
        env=environment({"PATH": path, "TERM": "dumb"}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize("shell", _LINES)
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("invoke service.l", "service.list"),
        ("invoke migrate.status --serv", "--service"),
        ("invoke migrate.status --service id", "identity"),
        ("invoke migrate.status --target do", "docker"),
        ("invoke migrate.status --format j", "json"),
    ],
)
def test_a_shell_completes_tasks_flags_and_values(shell: str, line: str, offered: str) -> None:
    assert offered in complete(shell, line)
