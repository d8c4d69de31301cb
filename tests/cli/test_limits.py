"""Fault 45, the machine's side: a repository that cannot be written, a role that may create nothing."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address, Secret
from tests.invoke import Ran, command, environment
from tests.invoke import anew as invoke
from tests.monorepo import Rev, Svc, build_monorepo
from tests.postgres_server import TestServer


def read_only(root: Path, *words: str) -> Ran:
    """Run where nothing below `root` can be written: by permissions, or, as root, by a read-only mount."""
    argv = command(*words)
    if os.geteuid() == 0:
        mount = f"mount --bind '{root}' '{root}' && mount -o remount,ro,bind '{root}' && cd '{root}' && exec \"$@\""
        argv = ["unshare", "--mount", "sh", "-c", mount, "sh", *argv]
    else:
        for path in [*root.rglob("*"), root]:
            path.chmod(path.stat().st_mode & ~0o222)
    done = subprocess.run(argv, cwd=root, env=environment(), capture_output=True, text=True, timeout=120, check=False)
    for path in [root, *root.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o700)
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("words", "code"), [(["service.list"], 0), (["migrate.status"], 7), (["db.up"], 7), (["db.reset"], 7)]
)
def test_a_repository_that_cannot_be_written_is_said_in_one_line(tmp_path: Path, words: list[str], code: int) -> None:
    ran = read_only(build_monorepo(tmp_path / "repo", {"shop": Svc(revisions=(Rev(id="r1"),))}), *words)
    assert ran.code == code, ran.err
    assert "Traceback" not in ran.err
    if words[0] in ("db.up", "db.reset"):
        assert ran.last.startswith("error[permission]")


@pytest.fixture
def lowly(server: TestServer, database: Address) -> Iterator[Address]:
    """The login of a role that may connect and nothing else."""
    role = f"lowly {uuid.uuid4().hex[:8]}"
    with psycopg.connect(server.address.url(), autocommit=True) as conn:
        conn.execute(f"CREATE ROLE \"{role}\" LOGIN PASSWORD 'lowly-secret'")
    yield replace(database, user=role, password=Secret("lowly-secret"))
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute(f'DROP OWNED BY "{role}"')
        conn.execute(f'DROP ROLE "{role}"')


def test_a_role_without_create_is_told_the_grants_one_by_one(tmp_path: Path, lowly: Address, database: Address) -> None:
    revision = Rev(id="r1", up='op.create_table("shop_a", sa.Column("id", sa.Integer))', down='op.drop_table("shop_a")')
    root = build_monorepo(tmp_path, {"shop": Svc(revisions=(revision,))}, url=lowly.url())
    granted = []
    for _ in range(3):
        ran = invoke("migrate.apply", cwd=root)
        if ran.code == 0:
            break
        assert ran.code == 1, ran.err
        assert "Traceback" not in ran.err
        assert "lowly-secret" not in ran.err
        grant = ran.last.partition(f"in database {database.database}: ")[2]
        assert grant.startswith("GRANT "), ran.last
        granted.append(grant)
        with psycopg.connect(database.url(), autocommit=True) as conn:
            conn.execute(grant)
    assert ran.code == 0
    assert len(granted) == 2
