"""Run tasks from outside, as a person does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.postgres_server import PASSWORD
from tests.warm import POSSIBLE, WarmCommands

ROOT = Path(__file__).parents[1]
_READ_AT_START = ("PYTHON", "LD_", "LANG", "LC_", "MALLOC")
_WARM = WarmCommands()
_FROM_OUTSIDE = ("PG", "AEGIS_", "DATABASE_URL", "INVOKE_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTEST_")


@dataclass(frozen=True)
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> str:
        """The last line of stderr: what a person reads first."""
        return self.err.strip().splitlines()[-1] if self.err.strip() else ""

    @property
    def json(self) -> dict[str, Any]:
        """The envelope; fails when anything else is on stdout."""
        document: dict[str, Any] = json.loads(self.out)
        return document


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what would choose another target or look."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FROM_OUTSIDE)}
    # databases for proofs are made on the tests' own server, unless a test says otherwise
    return kept | {"AEGIS_PROOF": "env"} | dict(extra or {})


def command(*words: str) -> list[str]:
    """The argv of `invoke WORDS` with the tasks of this repository, wherever it runs."""
    return [sys.executable, "-m", "invoke", "-r", str(ROOT), *words]


def invoke(*words: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None, timeout: float = 120) -> Ran:
    """Run `invoke WORDS` in a directory (its registry counts) without a terminal; no canary password may show.

    It runs in a fork of a process that has imported the engine (tests/warm.py), unless AEGISDB_ANEW is set, or a
    variable is given that Python or the loader reads when they start.
    """
    variables = environment(env)
    read_at_start = any(name.startswith(_READ_AT_START) for name in env or {})
    if not POSSIBLE or os.environ.get("AEGISDB_ANEW") or read_at_start:
        return anew(*words, cwd=cwd, env=env, timeout=timeout)
    done = _WARM.run(["-r", str(ROOT), *words], cwd, variables, timeout)
    return _ran(done.code, done.out.decode(), done.err.decode())


def anew(*words: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None, timeout: float = 120) -> Ran:
    """The same in a Python that is started for it, for tests of the command line itself."""
    return started(command(*words), cwd, env, timeout)


def started(argv: list[str], cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 120) -> Ran:
    """Any program, without a terminal and with nothing to read; no canary password may show."""
    done = subprocess.run(
        argv,
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return _ran(done.returncode, done.stdout, done.stderr)


def _ran(code: int, out: str, err: str) -> Ran:
    assert PASSWORD not in out + err
    return Ran(code, out, err)
