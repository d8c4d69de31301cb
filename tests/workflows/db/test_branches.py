"""A database for each git branch: parked and brought back by renames, by hand and by git's hook."""

from __future__ import annotations

import signal
import subprocess
import sys

import psycopg
import pytest

from aegisdb.postgres.connection import connect
from tests.invoke import environment
from tests.lint.repository import commit, git
from tests.monorepo import Rev, write_revision
from tests.workflows.project import Project


@pytest.fixture
def shop(shop: Project) -> Project:
    (shop.root / ".gitignore").write_text(".aegisdb/\n")
    commit(shop.root)
    assert shop.invoke("db.reset").code == 0
    shop.write("main's")
    return shop


def switched(shop: Project, *words: str) -> tuple[str, str]:
    ran = shop.invoke("db.switch", *words, "--format", "json")
    assert ran.code == 0, ran.out
    result = ran.json["result"]
    return result["did"], result["parked"]


def listed(shop: Project) -> dict[str, bool]:
    found = shop.invoke("db.branches", "--format", "json").json["result"]["databases"]
    return {one["branch"]: one["in_place"] for one in found}


def test_each_branch_keeps_its_rows_and_its_revisions(shop: Project) -> None:
    git(shop.root, "switch", "-q", "-c", "Feature/ä")
    write_revision(shop.root / "services/shop", Rev(id="f1"), "a2")
    commit(shop.root)
    assert switched(shop) == ("made", "main")
    assert shop.text() == "fresh"
    shop.write("feature's")
    git(shop.root, "switch", "-q", "main")
    assert switched(shop) == ("brought back", "Feature/ä")
    assert shop.text() == "main's"
    assert switched(shop) == ("nothing", "")
    assert shop.invoke("migrate.status", "--check").code == 0
    assert listed(shop) == {"main": True, "Feature/ä": False}
    assert switched(shop, "Feature/ä") == ("brought back", "main")
    assert shop.text() == "feature's"
    # a reset keeps whose it is
    git(shop.root, "switch", "-q", "Feature/ä")
    assert shop.invoke("db.reset").code == 0
    assert switched(shop) == ("nothing", "")
    git(shop.root, "switch", "-q", "main")
    assert switched(shop) == ("brought back", "Feature/ä")
    assert shop.invoke("db.branches", "--drop", "Feature/ä").code == 0
    assert (listed(shop), shop.text()) == ({"main": True}, "main's")


def test_what_cannot_be_switched(shop: Project) -> None:
    assert switched(shop) == ("noted", "")
    ran = shop.invoke("db.switch", "nowhere")
    assert (ran.code, "git switch nowhere" in ran.last) == (2, True)
    git(shop.root, "checkout", "-q", "--detach")
    assert "no branch is checked out" in shop.invoke("db.switch").last
    git(shop.root, "switch", "-q", "-c", "b")
    with psycopg.connect(shop.address.url()):
        assert shop.invoke("db.switch").code == 4
    assert switched(shop) == ("made", "main")
    # a snapshot of main's comes back with its name, while main's own is parked
    with connect(shop.address) as conn:
        conn.execute(f'ALTER DATABASE "{shop.address.database}" SET aegisdb.branch = main')
    ran = shop.invoke("db.switch")
    assert (ran.code, "error[branch_parked]" in ran.err) == (3, True)
    assert shop.invoke("db.branches", "--drop", "nowhere").code == 2
    shop.set_target(protected=True)
    assert shop.invoke("db.switch").code == 3


def test_gits_hook_switches_keeps_other_hooks_and_fails_no_checkout(shop: Project) -> None:
    hook = shop.root / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho other >>said\n")
    for changed in (True, False):
        ran = shop.invoke("service.hooks", "--install", "--format", "json")
        assert ran.json["result"]["changed"] is changed

    def check_out(*words: str, **env: str) -> str:
        kept = {n: v for n, v in environment(shop.env | env).items() if not n.startswith("GIT_")}
        done = subprocess.run(["git", *words], cwd=shop.root, env=kept, capture_output=True, text=True, check=True)
        return done.stderr

    check_out("switch", "-q", "-c", "b")
    assert shop.text() == "fresh"
    check_out("switch", "-q", "main")
    assert shop.text() == "main's"
    assert (shop.root / ".aegisdb/live-branch").read_text() == "main\n"
    check_out("checkout", "-q", "--detach")
    with psycopg.connect(shop.address.url()):
        assert "still the other branch's" in check_out("switch", "-q", "b")
    assert "still the other branch's" in check_out("switch", "-q", "-c", "c", THE_URL="postgresql://u@127.0.0.1:1/x")
    assert shop.text() == "main's"
    assert (shop.root / "said").read_text() == "other\n" * 5
    assert shop.invoke("service.hooks", "--remove").code == 0
    assert hook.read_text() == "#!/bin/sh\necho other >>said\n"
    hook.write_text("#!/usr/bin/env python3\n")
    assert shop.invoke("service.hooks", "--install").code == 3


_POINTS = 5
_KILLED = """
import os, signal, sys
from aegisdb.postgres import psql_session, psycopg_session
left = int(sys.argv[1])
def counted(name, inner):
    def wrapped(self, *words):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return inner(self, *words)
    return wrapped
for cls in (psql_session.PipedConnection, psycopg_session.DriverConnection):
    for name in ("execute", "rows", "execute_together"):
        setattr(cls, name, counted(name, getattr(cls, name)))
from aegisdb.workspace import open_workspace
from aegisdb.workflows.db.branches import switch
switch(open_workspace())
print(int(sys.argv[1]) - left)
"""


def killed(shop: Project, point: int) -> subprocess.CompletedProcess[str]:
    """Switch, and die at so many questions to the server; prints how many there were where that are fewer."""
    argv = [sys.executable, "-c", _KILLED, str(point)]
    return subprocess.run(argv, cwd=shop.root, env=environment(shop.env), capture_output=True, text=True, check=False)


def test_kill_at_any_question_to_the_server_loses_no_database(shop: Project) -> None:
    git(shop.root, "switch", "-q", "-c", "b")
    assert switched(shop) == ("made", "main")
    shop.write("b's")
    turns, died, point = {"main": "b", "b": "main"}, 0, 1
    while point < 60:
        here = git(shop.root, "branch", "--show-current")
        git(shop.root, "switch", "-q", turns[here])
        done = killed(shop, point)
        died += done.returncode == -signal.SIGKILL
        found = listed(shop)
        assert set(found) == {"main", "b"}
        # the one in place is whose it says
        in_place = next(branch for branch, there in found.items() if there)
        assert shop.text() == f"{in_place}'s"
        assert switched(shop)[0] in {"brought back", "nothing"}
        assert shop.text() == f"{turns[here]}'s"
        if done.returncode == 0:
            break
        point += 5
    assert died > 2


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("warm", [True, False])
def test_kill_while_a_new_branchs_database_is_made_loses_none(shop: Project, *, warm: bool) -> None:
    """At points of the making out of a template that is there, and of one that is built first."""

    def change(name: str) -> None:
        git(shop.root, "switch", "-q", "-c", name, "main")
        if not warm:
            write_revision(shop.root / "services/shop", Rev(id=name, up=f"pass  # {name}"), "a2")
            commit(shop.root)

    assert switched(shop) == ("noted", "")
    change("whole")
    done = killed(shop, 10**6)
    assert done.returncode == 0, done.stderr
    questions = int(done.stdout.split()[-1])
    git(shop.root, "switch", "-q", "main")
    assert switched(shop) == ("brought back", "whole")
    known, live, died = {"main", "whole"}, shop.address.database, 0
    for number in range(_POINTS):
        branch = f"b{number}"
        change(branch)
        done = killed(shop, 1 + number * questions // _POINTS)
        died += done.returncode == -signal.SIGKILL
        found = listed(shop)
        assert known <= set(found) <= known | {branch, ""}
        assert switched(shop)[0] in {"made", "nothing"}
        assert (set(listed(shop)), shop.text()) == (known | {branch}, "fresh")
        known |= {branch}
        git(shop.root, "switch", "-q", "main")
        assert (switched(shop), shop.text()) == (("brought back", branch), "main's")
    assert died > _POINTS // 2
    scratch = {name for name in shop.databases() if name.startswith(f"{live}__scratch_")}
    assert not scratch
