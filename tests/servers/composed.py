"""Compose projects of the tests: a copy of this repository's files, ports and a project name of their own."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aegisdb.servers.compose import ComposeServer
from aegisdb.target_kinds.compose import ComposeTarget
from tests.postgres_server import PASSWORD, free_port
from tests.servers.projects import REPOSITORY, registry


@functools.cache
def engine_answers() -> bool:
    """Whether a Docker Engine can be used here."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


def needs_engine() -> None:
    """Skip the test where there is no engine."""
    if not engine_answers():
        pytest.skip("no Docker Engine answers `docker info`")


def server_of(
    root: Path, *, password: str = PASSWORD, service: str = "postgres", file: str = "compose.yaml"
) -> ComposeServer:
    """The compose server of a project."""
    spec = ComposeTarget(server="compose", file=file, service=service, flush=("redis",))
    return ComposeServer(registry(root, spec, password=password), "t", spec)


def copy_files(root: Path) -> None:
    """compose.yaml and what it refers to."""
    root.mkdir(parents=True, exist_ok=True)
    shutil.copy(REPOSITORY / "compose.yaml", root)
    shutil.copytree(REPOSITORY / "docker", root / "docker")
    shutil.copytree(REPOSITORY / "sql", root / "sql")


@contextmanager
def project(root: Path) -> Iterator[Path]:
    """A project at `root` whose containers, volumes and images are gone afterwards."""
    needs_engine()
    copy_files(root)
    # compose reads the variables of a `.env` beside its file
    (root / ".env").write_text(f"AEGIS_DB_PORT={free_port()}\nAEGIS_REDIS_PORT={free_port()}\n")
    try:
        yield root
    finally:
        compose = server_of(root)._compose  # noqa: SLF001  the clean-up also of what a test has broken
        compose.command("down", "--volumes", "--rmi", "local", "--remove-orphans", "--timeout", "2")


def docker(*arguments: str) -> str:
    """What a docker command prints."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout.strip()
