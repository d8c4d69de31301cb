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

ROOT = Path(__file__).parents[1]
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
    """Run `invoke WORDS` in a directory (its registry counts) without a terminal; no canary password may show."""
    done = subprocess.run(
        command(*words),
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert PASSWORD not in done.stdout + done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)
