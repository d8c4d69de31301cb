"""Module and SQL seeds through the real command: fault 41 of docs/faults.md."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from textwrap import dedent

import pytest

from aegisdb.postgres.address import Address
from tests.invoke import Ran, command, environment, invoke
from tests.postgres_server import PASSWORD
from tests.seeds.shop import make_shop, processes_left, query, ran, sessions, write_module

FILL = """
- module: shop.fill
  fills: [items]
"""
GOOD = """
conn.execute("INSERT INTO items VALUES (1, 'a'), (2, 'b') ON CONFLICT DO NOTHING")
conn.commit()
"""
INSERT = """
conn.execute("INSERT INTO items VALUES (1, 'a')")
"""
SWALLOW = """
try:
    conn.execute("INSERT INTO nothing VALUES (1)")
except Exception as error:
    print(error)
"""


def test_a_seed_runs_is_counted_and_remembered(tmp_path: Path, database: Address) -> None:
    make_shop(tmp_path, database, FILL)
    write_module(tmp_path, "fill", GOOD)
    done = invoke("seed.run", "--format", "json", cwd=tmp_path)
    assert done.code == 0, done.err
    (seed,) = done.json["result"]["seeds"]
    assert (seed["service"], seed["seed"], seed["rows"]) == ("shop", "module shop.fill", {"items": 2})
    assert query(database, "SELECT count(*) FROM items") == [(2,)]
    assert ran(database) == [("shop", "module shop.fill")]
    assert sessions(database) == []


def test_a_seed_that_fails_half_way_says_why_and_what_is_there(tmp_path: Path, database: Address) -> None:
    make_shop(tmp_path, database, FILL + "- module: shop.other\n")
    body = INSERT + "conn.commit()\nraise SystemExit('no tags')\n"
    write_module(tmp_path, "fill", body)
    write_module(tmp_path, "other", GOOD)
    done = invoke("seed.run", cwd=tmp_path)
    assert done.code == 1
    for part in ("module shop.fill of shop exited with 1: no tags", "rows now: items 1", "invoke seed.run"):
        assert part in done.last
    assert "not started: shop: module shop.other" in done.out + done.err
    assert ran(database) == []
    assert sessions(database) == []


@pytest.mark.parametrize(
    "body",
    [INSERT, SWALLOW, "raise SystemExit(0)\n"],
    ids=["forgot to commit", "swallowed its error", "did nothing"],
)
def test_a_seed_that_only_claims_success_is_found(tmp_path: Path, database: Address, body: str) -> None:
    make_shop(tmp_path, database, FILL)
    write_module(tmp_path, "fill", body)
    done = invoke("seed.run", cwd=tmp_path)
    assert done.code == 1
    assert "items is empty in this database" in done.last
    assert query(database, "SELECT count(*) FROM items") == [(0,)]
    assert ran(database) == []


def test_fills_naming_a_missing_table(tmp_path: Path, database: Address) -> None:
    make_shop(tmp_path, database, "- {module: shop.fill, fills: [itemz]}")
    write_module(tmp_path, "fill", GOOD)
    done = invoke("seed.run", "--format", "json", cwd=tmp_path)
    assert done.code == 1
    assert done.json["errors"][0]["code"] == "seed_no_table"


def test_running_again_changes_nothing(tmp_path: Path, database: Address) -> None:
    make_shop(tmp_path, database, FILL)
    write_module(tmp_path, "fill", GOOD)
    assert invoke("seed.run", cwd=tmp_path).code == 0
    before = query(database, "SELECT *, ctid::text FROM items ORDER BY id")
    assert invoke("seed.run", cwd=tmp_path).code == 0
    assert query(database, "SELECT *, ctid::text FROM items ORDER BY id") == before


def test_only_one_url_reaches_a_seed(tmp_path: Path, database: Address) -> None:
    """The caller's own URLs and PG variables never do."""
    make_shop(tmp_path, database, "- {module: shop.fill, fills: [items], url_env: SHOP_DB, driver: asyncpg}")
    seen = tmp_path / "seen"
    body = f"""
    left = [name for name in ("PGHOST", "PGDATABASE", "DATABASE_URL", "ALEMBIC_CONFIG") if name in os.environ]
    pathlib.Path({str(seen)!r}).write_text(" ".join([*urls, *left, urls["SHOP_DB"].split("//")[0]]))
    """
    write_module(tmp_path, "fill", dedent(body) + GOOD)
    wrong = "postgresql://nobody@localhost:1/wrong"
    env = {"PGHOST": "/nowhere", "PGDATABASE": "wrong", "ALEMBIC_CONFIG": "x", "DATABASE_URL": wrong}
    done = invoke("seed.run", "--target", "local", cwd=tmp_path, env=env)
    assert done.code == 0, done.err
    assert seen.read_text() == "SHOP_DB postgresql+asyncpg:"


def test_no_password_leaves_a_seed(tmp_path: Path, database: Address) -> None:
    make_shop(tmp_path, database, FILL)
    write_module(tmp_path, "fill", "print(os.environ)\nraise SystemExit(os.environ['DATABASE_URL'])\n")
    for words in (("seed.run",), ("seed.run", "--format", "json")):
        done = invoke(*words, cwd=tmp_path)  # itself asserts that the raw password is nowhere
        assert done.code == 1
        assert "C4n%25a" not in done.out + done.err
        assert "***" in done.out + done.err
    assert PASSWORD not in str(query(database, "SELECT * FROM pg_stat_activity"))


def test_a_seed_has_a_deadline_and_leaves_no_child(tmp_path: Path, database: Address) -> None:
    make_shop(tmp_path, database, "- {module: shop.fill, fills: [items], timeout: 1.5}")
    token = f"sleep-{tmp_path.name}-{os.getpid()}"
    write_module(tmp_path, "fill", spawn(token) + "time.sleep(600)\n")
    done = invoke("seed.run", "--format", "json", cwd=tmp_path)
    assert done.code == 1
    assert done.json["errors"][0]["code"] == "timeout"
    assert processes_left(token) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_seed_and_what_it_started(
    tmp_path: Path, database: Address, number: signal.Signals, code: int
) -> None:
    token = f"seed-{tmp_path.name}-{os.getpid()}"
    tool = interrupted(tmp_path, database, INSERT + spawn(token), number)
    assert tool.code == code
    assert "interrupted during shop: module shop.fill" in tool.last
    assert processes_left(token) == []
    assert sessions(database) == []
    assert query(database, "SELECT count(*) FROM items") == [(0,)]


def test_a_killed_tool_takes_the_seed_with_it(tmp_path: Path, database: Address) -> None:
    assert interrupted(tmp_path, database, INSERT, signal.SIGKILL).code == -signal.SIGKILL
    assert sessions(database) == []
    assert query(database, "SELECT count(*) FROM items") == [(0,)]


def spawn(token: str) -> str:
    """Code that starts a child which would outlive the seed."""
    return f'subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", {token!r}])\n'


def interrupted(root: Path, database: Address, body: str, number: signal.Signals, *, seeds: str = FILL) -> Ran:
    """seed.run that gets a signal while its seed `fill`, past `body`, waits."""
    make_shop(root, database, seeds)
    ready = root / "ready"
    write_module(root, "fill", f"{body}pathlib.Path({str(ready)!r}).touch()\ntime.sleep(600)\n")
    out_file, err_file = root / "out", root / "err"
    with (
        out_file.open("w") as out,
        err_file.open("w") as err,
        subprocess.Popen(command("seed.run"), cwd=root, env=environment(), stdout=out, stderr=err) as tool,
    ):
        while not ready.exists() and tool.poll() is None:
            time.sleep(0.05)
        tool.send_signal(number)
        tool.wait(120)
    return Ran(tool.returncode, out_file.read_text(), err_file.read_text())


def test_a_sql_seed_is_all_or_nothing(tmp_path: Path, database: Address) -> None:
    make_shop(tmp_path, database, "- {sql: seeds/items.sql, fills: [items]}")
    file = tmp_path / "shop" / "seeds" / "items.sql"
    file.parent.mkdir()
    file.write_text("INSERT INTO items VALUES (1, 'a');\nINSERT INTO nowhere VALUES (1);\n")
    done = invoke("seed.run", cwd=tmp_path)
    assert done.code == 1
    assert "items.sql:2" in done.last
    assert "nothing of it was kept" in done.last
    assert query(database, "SELECT count(*) FROM items") == [(0,)]
    file.write_text("INSERT INTO items VALUES (1, 'a') ON CONFLICT DO NOTHING;\n")
    assert invoke("seed.run", cwd=tmp_path).code == 0
    assert query(database, "SELECT count(*) FROM items") == [(1,)]
