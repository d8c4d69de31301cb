"""A monorepo of somebody else with tasks of its own: ours stand beside them, composed with them, never in their way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.invoke import Ran, environment, started
from tests.monorepo import Rev, Svc, build_monorepo, table

OWN = '''"""Tasks of a shop."""
from invoke import Collection, task

@task
def build(c, target="release", quick=False):
    """Build the shop."""
    print("built", target)

@task(help={"times": "How often."})
def greet(c, name, times=1):
    """Say hello."""
    print("hello", name, times)

@task(pre=[build])
def ship(c):
    """Ship it."""
    print("shipped")
'''
BESIDE = (
    OWN
    + """
import aegisdb.tasks
ns = Collection(build, greet, ship)
ns.add_collection(aegisdb.tasks.db)
ns.add_collection(aegisdb.tasks.migrate)
"""
)
COMPOSED = (
    OWN
    + """
import aegisdb.tasks
from aegisdb.errors import AegisError, Difference
from aegisdb.tasks import migrate

@task(pre=[migrate.status])
def after_status(c):
    print("after status")

@task(pre=[migrate.lint, migrate.status])
def after_broken(c):
    print("not reached")

@task
def count(c):
    result = migrate.status(c)
    print("pending:", sum(row.pending for row in result.services))

@task
def caught(c):
    try:
        migrate.status(c, check=True)
    except Difference as error:
        print("caught", error.code, error.exit_code, bool(error.result.services))
    try:
        migrate.status(c, "nosuch")
    except AegisError as error:
        print("caught", error.code)

@task
def let_through(c):
    migrate.status(c, check=True)

@task
def mistyped(c):
    migrate.apply(c, dryrun=True)

ns = Collection(build, after_status, after_broken, count, caught, let_through, mistyped)
ns.add_collection(aegisdb.tasks.ns, name="aegis")
"""
)


def run(root: Path, *words: str, **env: str) -> Ran:
    return started([sys.executable, "-m", "invoke", *words], root, env)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A registry whose server nobody asks."""
    revisions = (Rev(id="a1", up=table("shop_items"), down='op.execute("DROP TABLE shop_items")'),)
    return build_monorepo(tmp_path, {"shop": Svc(revisions=revisions)}, url="postgresql://x:y@127.0.0.1:1/shop")


@pytest.fixture
def migrated(tmp_path: Path, database: object) -> Path:
    """A registry with one pending revision."""
    revisions = (Rev(id="a1", up=table("shop_items"), down='op.execute("DROP TABLE shop_items")'),)
    return build_monorepo(tmp_path, {"shop": Svc(revisions=revisions)}, url=database.url())  # type: ignore[attr-defined]


def test_two_lines_give_every_task(shop: Path) -> None:
    (shop / "tasks.py").write_text('"""Tasks."""\nfrom aegisdb.tasks import ns\n')
    assert {"migrate.status", "ci", "doctor", "db.drop-snapshot"} <= set(run(shop, "--list").out.split())
    assert "dev." not in run(shop, "--list").out
    assert run(shop, "service.list").out.splitlines()[1].startswith("service")
    assert "did you mean 'service.list'?" in run(shop, "service.lst").last


@pytest.mark.parametrize(
    "words",
    [
        ("build", "greet", "--name", "Ada", "ship"),
        ("greet", "Ada", "--times", "2"),
        ("greet",),
        ("greet", "Ada", "--tims", "2"),
        ("greet", "Ada", "--times"),
        ("biuld",),
        ("nosuch.task",),
        ("--help", "greet"),
        ("--help", "gret"),
        ("--complete", "--", "invoke greet --"),
        ("--complete", "--", "invoke build --target"),
        ("--complete", "--", "invoke build --target x --"),
    ],
)
def test_their_own_tasks_are_as_they_were(shop: Path, words: tuple[str, ...]) -> None:
    (shop / "tasks.py").write_text(OWN)
    without = run(shop, *words)
    (shop / "tasks.py").write_text(BESIDE)
    assert run(shop, *words) == without


def test_a_list_shows_theirs_and_ours(shop: Path) -> None:
    (shop / "tasks.py").write_text(OWN)
    without = run(shop, "--list").out.splitlines()
    (shop / "tasks.py").write_text(BESIDE)
    lines = {" ".join(line.split()) for line in run(shop, "--list").out.splitlines()}
    assert {" ".join(line.split()) for line in without} <= lines
    assert "db.reset" in run(shop, "--complete", "--", "invoke ").out
    assert "ship" in run(shop, "--complete", "--", "invoke ").out


def test_mistakes_about_ours_are_explained_beside_theirs(shop: Path) -> None:
    (shop / "tasks.py").write_text(BESIDE)
    ran = run(shop, "migrate.statsu")
    assert (ran.code, ran.last) == (
        2,
        "error[unknown_task] there is no task 'migrate.statsu' → did you mean 'migrate.status'?",
    )
    ran = run(shop, "migrate.status", "--serivce", "shop")
    assert (ran.code, "did you mean '--service'?" in ran.last) == (2, True)
    assert run(shop, "--complete", "--", "invoke migrate.status --service").out == "shop\n"


def test_ours_can_be_what_theirs_waits_for(migrated: Path) -> None:
    (migrated / "tasks.py").write_text(COMPOSED)
    ran = run(migrated, "after-status")
    assert ran.code == 0, ran.err
    assert "shop" in ran.out
    assert ran.out.endswith("after status\n")


def test_ours_that_fails_stops_what_waits_for_it(migrated: Path) -> None:
    (migrated / "services" / "shop" / "alembic" / "versions" / "zz_broken.py").write_text("revision = (\n")
    (migrated / "tasks.py").write_text(COMPOSED)
    ran = run(migrated, "after-broken")
    assert ran.code in {2, 6}
    assert "not reached" not in ran.out
    assert ran.last.startswith("error[")


def test_theirs_gets_our_result_or_our_error(migrated: Path) -> None:
    (migrated / "tasks.py").write_text(COMPOSED)
    assert run(migrated, "count").out.endswith("pending: 1\n")
    ran = run(migrated, "caught")
    assert [line for line in ran.out.splitlines() if line.startswith("caught")] == [
        "caught pending 6 True",
        "caught unknown_service",
    ]
    assert (ran.code, ran.err) == (0, "")


def test_an_error_that_theirs_lets_through_is_presented(migrated: Path) -> None:
    (migrated / "tasks.py").write_text(COMPOSED)
    ran = run(migrated, "let-through")
    assert ran.code == 6
    assert ran.last.startswith("error[pending]")
    assert "Traceback" not in ran.err


def test_a_flag_that_is_not_there_is_not_passed_over(migrated: Path) -> None:
    (migrated / "tasks.py").write_text(COMPOSED)
    ran = run(migrated, "mistyped")
    assert ran.code == 1
    assert "TypeError: migrate.apply takes service, to" in ran.err


def test_a_list_whose_reader_leaves_ends_without_a_word(shop: Path) -> None:
    (shop / "tasks.py").write_text("from aegisdb.tasks import ns\n")
    for unbuffered in ("", "1"):
        line = f"{sys.executable} -m invoke --list | true; exit ${{PIPESTATUS[0]}}"
        env = environment({"PYTHONUNBUFFERED": unbuffered})
        done = subprocess.run(["bash", "-c", line], cwd=shop, env=env, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_service_without_its_flag_is_told_the_flag(shop: Path) -> None:
    (shop / "tasks.py").write_text("from aegisdb.tasks import ns\n")
    ran = run(shop, "migrate.rollback", "identity")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "--service identity" in ran.last


def test_a_documented_name_works_where_names_keep_their_underscores(shop: Path) -> None:
    (shop / "tasks.py").write_text("from aegisdb.tasks import ns\n")
    (shop / "home").mkdir()
    (shop / "home" / ".invoke.yaml").write_text("tasks:\n  auto_dash_names: false\n")
    ran = run(shop, "db.drop-snapshot", "one", HOME=str(shop / "home"))
    assert "unknown_task" not in ran.err
    assert ran.last.startswith("error[unreachable]")
    assert "Drop a snapshot" in run(shop, "--help", "db.drop-snapshot", HOME=str(shop / "home")).out
