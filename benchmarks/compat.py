"""What the stage `compat` adds to `ci`: AEGIS with one new revision, with and without it, in turns.

python -m benchmarks.compat [TURNS]

CPU time is that of the command's process tree and that of the server, which the command's own figures do not have.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.aegis import copy
from benchmarks.project import run

if TYPE_CHECKING:
    from benchmarks.project import Project

RUN = """
import runpy, sys
from aegisdb.workflows import ci
every = ci._stages
ci._stages = lambda *given, **named: {
    name: look for name, look in every(*given, **named).items() if name not in sys.left_out
}
sys.left_out = sys.argv[1].split(",")
sys.argv[1:] = sys.argv[2:]
runpy.run_module("invoke", run_name="__main__")
"""
MODEL = Path("services/identity/identity/models.py")
REVISION = '''"""Add a nickname of users.

Revision ID: f00000000001
"""

import sqlalchemy as sa
from alembic import op

revision = "f00000000001"
down_revision = "a20fd8c6b7e1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("nickname", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("users", "nickname")
'''


def main() -> None:
    """Print a line for each turn and the ratios of the medians."""
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with TemporaryDirectory() as folder:
        project = _branch(Path(folder))
        try:
            found = {name: _turn(project, name) for name in ("first, with", "first, without")}
            for turn in range(turns):
                for name in ("with", "without"):
                    found[f"{name} {turn}"] = _turn(project, name)
            for place, what in enumerate(("seconds", "CPU of the command", "CPU of the server", "CPU of both")):
                each = {
                    name: median(taken[place] for key, taken in found.items() if key.split()[0] == name)
                    for name in ("with", "without")
                }
                print(f"{what}: {each['with']:.2f} / {each['without']:.2f} = {each['with'] / each['without']:.2f}")
        finally:
            run(project.invoke("db.down"))


def _branch(root: Path) -> Project:
    """AEGIS with its database, and a branch with one new revision and its model."""
    project = copy(root, without=("tests/", "findings/"))
    _git(root, "init", "-q", "-b", "main")
    _git(root, "add", "-A")
    _git(root, "commit", "-q", "-m", "deployed")
    running = project.started()
    _git(root, "switch", "-q", "-c", "feature")
    model = root / MODEL
    lines = model.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.strip().startswith("email"))
    model.write_text("\n".join([*lines[:at], "    nickname: Mapped[str | None]", *lines[at:]]))
    (root / "services/identity/alembic/versions/f00000000001_add_nickname.py").write_text(REVISION)
    _git(root, "add", "-A")
    _git(root, "commit", "-q", "-m", "a nickname")
    run(running.invoke("migrate.apply"))
    return running


def _turn(project: Project, name: str) -> tuple[float, float, float, float]:
    left_out = "compat" if name.endswith("without") else "nothing"
    argv = (project.python, "-c", RUN, left_out, "-r", str(project.build), "ci", "--again")
    before, began = _server(project), time.perf_counter()
    with subprocess.Popen(
        argv, cwd=project.root, env=project.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    took = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"ci ended with {process.returncode}:\n{said[-3000:]}")
    client, server = usage.ru_utime + usage.ru_stime, _server(project) - before
    print(f"{name}: {took:.2f} s, CPU {client:.2f} s and {server:.2f} s of the server", flush=True)
    return took, client, server, client + server


def _server(project: Project) -> float:
    """CPU seconds of the server so far: its own, and those of sessions that have ended."""
    (pid_file,) = project.root.glob(".aegisdb/**/postmaster.pid")
    stat = Path(f"/proc/{pid_file.read_text().split()[0]}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, stat[11:15])) / os.sysconf("SC_CLK_TCK")


def _git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=A Person", "-c", "user.email=person@example.org")
    subprocess.run(["git", *who, *words], cwd=root, check=True)  # noqa: S607


if __name__ == "__main__":
    main()
