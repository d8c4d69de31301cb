"""Alembic as a person types it, and in this process for speed."""

from __future__ import annotations

import os
import subprocess
import sys

from alembic.config import Config
from alembic.script import ScriptDirectory

from aegisdb.postgres.address import Address
from tests.base_schema import ROOT


def alembic(service: str, address: Address, *args: str) -> str:
    """Plain `alembic` in the service's folder with nothing but DATABASE_URL set; its stdout."""
    done = subprocess.run(
        [sys.executable, "-m", "alembic", *args],
        cwd=ROOT / "services" / service,
        env=_environ(address),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def python_m(service: str, address: Address, module: str) -> subprocess.CompletedProcess[str]:
    """`python -m MODULE` in the service's folder with DATABASE_URL set."""
    return subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT / "services" / service,
        env=_environ(address),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def config_of(service: str, address: Address) -> Config:
    """A configuration as the suite gives it: no ini file, the URL as an attribute."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "services" / service / "alembic"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = address.url()
    return config


def revisions(service: str) -> tuple[str, ...]:
    """Every revision's id, oldest first."""
    directory = ScriptDirectory(str(ROOT / "services" / service / "alembic"))
    return tuple(script.revision for script in directory.walk_revisions())[::-1]


def _environ(address: Address) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "ALEMBIC", "PYTHON"))}
    return kept | {"DATABASE_URL": address.url()}
