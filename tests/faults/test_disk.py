"""Fault 9 of docs/faults.md: the disk is full."""

from __future__ import annotations

import os
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Svc, build_monorepo
from tests.postgres_server import TestServer
from tests.running import five, nothing_left, rows, versions

FILL = """
op.execute("CREATE TABLE a_3 (text text)")
op.execute("INSERT INTO a_3 SELECT repeat('x', 200) FROM generate_series(1, 1000000)")
"""


@pytest.fixture
def small(server: TestServer) -> Iterator[Address]:
    """A database on a file system of a few megabytes."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    home = Path(tempfile.mkdtemp(prefix="aegisdb-small-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m,mode=0700,uid=65534,gid=65534", "tmpfs", str(home)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        home.rmdir()
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    name = f"t_{uuid.uuid4().hex[:12]}"
    try:
        with psycopg.connect(server.address.url(), autocommit=True) as conn:
            conn.execute(f"CREATE TABLESPACE {name} LOCATION '{home}'".encode())
            conn.execute(f"CREATE DATABASE {name} TABLESPACE {name}".encode())
            yield server.address.with_database(name)
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
            conn.execute(f"DROP TABLESPACE {name}".encode())
    finally:
        subprocess.run(["umount", "--lazy", str(home)], check=True)
        home.rmdir()


def test_9_a_full_disk_is_the_reason_and_the_revision_is_rolled_back(tmp_path: Path, small: Address) -> None:
    build_monorepo(tmp_path, {"a": Svc(revisions=five(FILL))}, url=small.url())
    ran = invoke("migrate.apply", cwd=tmp_path)
    assert ran.code == 1, ran.err
    for part in ("a: a3", "a3.py:", "No space left on device", "53100"):
        assert part in ran.last
    assert "Traceback" not in ran.err
    assert versions(small, "a") == ["a2"]
    assert rows(small, "SELECT to_regclass('a_3')") == [(None,)]
    assert nothing_left(small)
    path = tmp_path / "services" / "a" / "alembic" / "versions" / "a3.py"
    path.write_text(path.read_text().replace("1000000", "10"))
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    assert rows(small, "SELECT count(*) FROM a_3") == [(10,)]
