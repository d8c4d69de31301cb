"""Worktrees and branches: what a new worktree, a switch and git's hook cost, beside bare `invoke` and bare Python.

`python -m benchmarks.checkouts [ROUNDS]` measures in a temporary directory, on a server of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measuring import ONCE, Command, Contender, compare

ROOT = Path(__file__).parents[1]
_INI = "[alembic]\nscript_location = %(here)s/alembic\npath_separator = os\nprepend_sys_path = .\n"
_ENV = """
from alembic import context
from sqlalchemy import engine_from_config
section = context.config.get_section("alembic")
with engine_from_config(section, prefix="sqlalchemy.").connect() as connection:
    context.configure(connection=connection, version_table="v_{name}")
    with context.begin_transaction():
        context.run_migrations()
"""
_REVISION = """
from alembic import op
revision, down_revision = "{name}{number}", {below}
def upgrade(): op.execute("CREATE TABLE {name}_{number} (id int)")
def downgrade(): op.execute("DROP TABLE {name}_{number}")
"""


def main(rounds: int) -> None:
    """Print the medians and what they are of bare."""
    with tempfile.TemporaryDirectory() as directory:
        top = Path(directory) / "main"
        _write(top)
        _run(top, "invoke", "-r", str(ROOT), "db.prepare")
        try:
            _report(top, rounds)
        finally:
            _run(top, "invoke", "-r", str(ROOT), "db.cache", "--drop")
            _run(top, "invoke", "-r", str(ROOT), "db.down", "--volumes", "--yes", check=False)


def _report(top: Path, rounds: int) -> None:
    for branch in ("b", "main"):
        _git(top, "switch", "-q", *(["-c"] if branch == "b" else []), branch)
        _run(top, "invoke", "-r", str(ROOT), "db.switch")
    _run(top, "invoke", "-r", str(ROOT), "service.hooks", "--install")
    (top / "bare").mkdir()
    (top / "bare/tasks.py").write_text("from invoke import task\n\n@task\ndef nothing(c):\n    pass\n")
    there = top.parent / "worktree"

    def worktree() -> None:
        if there.exists():
            _git(top, "worktree", "remove", "--force", str(there))
        _git(top, "worktree", "add", "-q", "--detach", str(there))
        _drop(top)

    def python(*words: str, cwd: Path = top) -> Command:
        return Command((sys.executable, *words), cwd, _environment())

    def ours(*words: str, cwd: Path = top) -> Command:
        return python("-m", "invoke", "-r", str(ROOT), *words, cwd=cwd)

    hook = Command(("sh", ".git/hooks/post-checkout", "0", "0", "1"), top, _environment())
    contenders = (
        Contender("bare python", (python("-c", "pass"),)),
        Contender("bare invoke", (python("-m", "invoke", "nothing", cwd=top / "bare"),)),
        Contender("hook, nothing to do", (hook,)),
        Contender("db.prepare in a new worktree", (ours("db.prepare", cwd=there),), worktree),
        Contender(
            "db.switch", (ours("db.switch", "main"),), lambda: _run(top, "invoke", "-r", str(ROOT), "db.switch", "b")
        ),
    )
    found = compare("checkouts", contenders, rounds, enough=ONCE)
    bare = found["bare invoke"]
    for name, samples in found.items():
        ratios = f"{samples.median / bare.median:.2f} of bare invoke, CPU {samples.median_cpu / bare.median_cpu:.2f}"
        print(f"{name}: {samples.median:.0f} ms, {ratios}")


def _drop(top: Path) -> None:
    """Let a new worktree find no database of the one before it."""
    url = json.loads(_run(top, "invoke", "-r", str(ROOT), "db.url", "--format", "json"))["result"]["url"]
    import psycopg

    with psycopg.connect(url.rpartition("/")[0] + "/postgres", autocommit=True) as conn:
        conn.execute("DROP DATABASE IF EXISTS bench__wt_worktree WITH (FORCE)")


def _write(top: Path) -> None:
    services = {
        name: {"path": name, "alembic": {"version_table": f"v_{name}"}, "owns": [f"{name}_*"]} for name in "abc"
    }
    document = {
        "version": 1,
        "project": "bench",
        "targets": {"local": {"server": "embedded"}},
        "database": {"name": "bench", "user": "bench", "password": "${BENCH_PASSWORD:-bench}"},
        "services": services,
    }
    for name in services:
        versions = top / name / "alembic/versions"
        versions.mkdir(parents=True)
        (top / name / "alembic.ini").write_text(_INI)
        (top / name / "alembic/env.py").write_text(_ENV.format(name=name))
        for number in range(10):
            below = repr(f"{name}{number - 1}") if number else None
            (versions / f"{number}.py").write_text(_REVISION.format(name=name, number=number, below=below))
    (top / "services.yaml").write_text(json.dumps(document))
    (top / ".gitignore").write_text(".aegisdb/\n__pycache__/\n")
    _git(top, "init", "-q", "-b", "main")
    _git(top, "add", "-A")
    _git(top, "commit", "-q", "-m", "all")


def _environment() -> dict[str, str]:
    led = ("PG", "AEGIS_", "DATABASE_URL", "PYTHON", "GIT_")
    return {key: value for key, value in os.environ.items() if not key.startswith(led)}


def _git(top: Path, *words: str) -> None:
    program = shutil.which("git") or "git"
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run([program, *who, *words], cwd=top, env=_environment(), check=True)


def _run(top: Path, *words: str, check: bool = True) -> str:
    argv = [sys.executable, "-m", *words]
    return subprocess.run(argv, cwd=top, env=_environment(), check=check, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
