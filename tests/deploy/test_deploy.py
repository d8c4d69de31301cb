"""deploy.apply, deploy.status and deploy.prove through the real commands: fault 32 of docs/faults.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from tests.invoke import Ran, invoke
from tests.seeds.shop import make_shop, query, sessions

FIRST = "CREATE TABLE IF NOT EXISTS first (id int PRIMARY KEY);\n"
APPEND = "INSERT INTO tags VALUES ('x');\n"
SECOND = "INSERT INTO first VALUES (1) ON CONFLICT DO NOTHING;\n"


@pytest.fixture
def root(tmp_path: Path, database: Address) -> Path:
    """A registry with an empty deploy directory."""
    make_shop(tmp_path, database, "[]", deploy="deploy")
    (tmp_path / "deploy").mkdir()
    return tmp_path


def put(root: Path, **files: str) -> None:
    """Deploy files by stem."""
    for stem, text in files.items():
        (root / "deploy" / f"{stem}.sql").write_text(text)


def states(root: Path) -> dict[str, str]:
    """The state of each file."""
    done = invoke("deploy.status", "--format", "json", cwd=root)
    assert done.code == 0, done.err
    return {file["file"]: file["state"] for file in done.json["result"]["files"]}


def applied(root: Path) -> Ran:
    """deploy.apply in JSON."""
    return invoke("deploy.apply", "--format", "json", cwd=root)


def test_files_run_in_name_order_once(root: Path, database: Address) -> None:
    put(root, b=SECOND, a=FIRST)
    assert states(root) == {"a.sql": "never run", "b.sql": "never run"}
    done = applied(root)
    assert done.code == 0, done.err
    assert [file["file"] for file in done.json["result"]["files"]] == ["a.sql", "b.sql"]
    assert query(database, "SELECT id FROM first") == [(1,)]
    assert query(database, "SELECT file FROM aegisdb.deploy_ledger ORDER BY 1") == [("a.sql",), ("b.sql",)]
    assert query(database, "SELECT note FROM aegisdb.journal WHERE action = 'deploy' ORDER BY id") == [
        ("a.sql",),
        ("b.sql",),
    ]
    again = applied(root)
    assert (again.code, again.json["result"]["files"], again.json["result"]["current"]) == (0, [], ["a.sql", "b.sql"])
    assert states(root) == {"a.sql": "current", "b.sql": "current"}
    assert sessions(database) == []


def test_a_changed_file_runs_again_and_says_so(root: Path, database: Address) -> None:
    put(root, a=FIRST)
    assert applied(root).code == 0
    put(root, a=FIRST + SECOND)
    assert states(root) == {"a.sql": "changed"}
    assert invoke("deploy.status", "--check", cwd=root).code == 6
    done = invoke("deploy.apply", cwd=root)
    assert "changed, run again" in done.out
    assert query(database, "SELECT id FROM first") == [(1,)]
    (root / "deploy" / "a.sql").unlink()
    assert states(root) == {"a.sql": "missing"}


def test_a_file_that_fails_is_all_or_nothing(root: Path, database: Address) -> None:
    put(root, a=FIRST, b="INSERT INTO first VALUES (7);\n\nINSERT INTO nowhere VALUES (1);\n", c=SECOND)
    done = invoke("deploy.apply", cwd=root)
    assert done.code == 1
    for part in ("b.sql:3", "nowhere", "nothing of b.sql was kept, 1 file ran before it"):
        assert part in done.last
    assert "not started: c.sql" in done.out + done.err
    assert query(database, "SELECT * FROM first") == []
    assert states(root) == {"a.sql": "current", "b.sql": "never run", "c.sql": "never run"}
    assert sessions(database) == []


@pytest.mark.parametrize(
    "escape", [r"\! touch {mark}", r"\connect postgres", r"\o {mark}", r"\copy first to '{mark}'", r"\unrestrict x"]
)
def test_psql_commands_that_leave_the_file_are_stopped(root: Path, database: Address, escape: str) -> None:
    mark = root / "escaped"
    put(root, a=FIRST + SECOND + escape.format(mark=mark) + "\nSELECT 1;\n")
    done = invoke("deploy.apply", cwd=root)
    assert done.code == 1
    assert "a.sql" in done.last
    assert not mark.exists()
    assert query(database, "SELECT to_regclass('first')") == [(None,)]
    assert states(root) == {"a.sql": "never run"}


def test_a_hostile_psqlrc_is_ignored(root: Path) -> None:
    put(root, a="SELECT 1;\nSELECT nothing;\n")
    (root / ".psqlrc").write_text("\\set ON_ERROR_STOP 0\n\\connect postgres\n")
    done = invoke("deploy.apply", cwd=root, env={"HOME": str(root), "PSQLRC": str(root / ".psqlrc")})
    assert done.code == 1
    assert "a.sql:2" in done.last


def test_plan_and_a_missing_directory(root: Path, database: Address) -> None:
    put(root, a=FIRST)
    done = invoke("deploy.apply", "--dry-run", cwd=root)
    assert (done.code, "a.sql" in done.out) == (0, True)
    assert query(database, "SELECT to_regclass('first'), to_regclass('aegisdb.deploy_ledger')") == [(None, None)]
    (root / "deploy" / "a.sql").unlink()
    (root / "deploy").rmdir()
    assert invoke("deploy.apply", cwd=root).code == 2


def test_prove(root: Path, database: Address) -> None:
    put(root, a=FIRST, b=SECOND)
    done = invoke("deploy.prove", "--format", "json", cwd=root)
    assert done.code == 0, done.err
    put(root, b=f"{SECOND}{APPEND}", c="CREATE TABLE third (id int);\n")
    done = invoke("deploy.prove", "--format", "json", cwd=root)
    assert done.code == 6
    assert [error["code"] for error in done.json["errors"]] == ["not_rerunnable", "not_rerunnable"]
    by_name = {file["file"]: file["differences"] for file in done.json["result"]["files"]}
    assert by_name["a.sql"] == []
    assert by_name["b.sql"] == ["public.tags: 1 row became 2"]
    assert "third" in by_name["c.sql"][0]
    assert query(database, "SELECT to_regclass('first'), to_regclass('aegisdb.deploy_ledger')") == [(None, None)]
    assert sessions(database) == []
