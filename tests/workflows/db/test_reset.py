"""db.reset, as a person types it: a fresh database, or everything as it was."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisdb.fingerprint import read
from aegisdb.postgres import databases
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.postgres.locks import writer_lock
from tests.running import start
from tests.workflows.project import INIT, Project, project


@pytest.fixture
def shop(tmp_path: Path, database: Address) -> Iterator[Project]:
    with project(tmp_path / "a project", database) as made:
        yield made


def _rows(address: Address) -> list[tuple[object, ...]]:
    with connect(address) as conn:
        return conn.rows("SELECT id, price FROM shop_items ORDER BY 1")


def test_a_reset_makes_everything_and_keeps_the_old_one(shop: Project) -> None:
    shop.write("old")
    ran = shop.invoke("db.reset", "--format", "json")
    assert ran.code == 0, ran.err
    made = {(row["kind"], row["name"]): row["what"] for row in ran.json["result"]["made"]}
    assert made["history", "shop"] == "at a2"
    assert made["tables", "shop"] == "1: shop_items"
    assert made["seed", "shop: sql seed.sql"] == "shop_items 2"
    assert shop.text() == "fresh"
    assert _rows(shop.address) == [(1, 10), (2, 20)]
    (entry,) = [e for e in shop.invoke("migrate.log", "--format", "json").json["result"]["entries"] if e["note"]]
    assert (entry["action"], entry["note"], entry["seconds"]) == ("reset", "built up to seeds", None)  # not "0 ms"
    assert shop.invoke("db.restore", "before-reset").code == 0
    assert shop.text() == "old"
    assert shop.orphans() == ()
    assert shop.sessions() == 0


def test_cached_and_uncached_give_the_same_database(shop: Project) -> None:
    prints, rows = [], []
    for flags in (["--no-cache"], [], []):
        assert shop.invoke("db.reset", *flags).code == 0
        with connect(shop.address) as conn:
            prints.append(read(conn).text)
        rows.append(_rows(shop.address))
    assert prints[0] == prints[1] == prints[2]
    assert rows[0] == rows[1] == rows[2]


def test_a_changed_file_is_seen(shop: Project) -> None:
    assert shop.invoke("db.reset").code == 0
    (shop.root / "sql/base.sql").write_text(INIT["sql/base.sql"].replace("fresh", "newer"))
    assert shop.invoke("db.reset").code == 0
    assert shop.text() == "newer"
    (shop.root / "services/shop/seed.sql").write_text("INSERT INTO shop_items VALUES (7, 70);\n")
    assert shop.invoke("db.reset").code == 0
    assert _rows(shop.address) == [(7, 70)]


@pytest.mark.parametrize(
    ("file", "text", "named"),
    [
        ("sql/base.sql", "CREATE TABLE notes (id int);\nSELECT nonsense;\n", "base.sql:2"),
        ("services/shop/seed.sql", "INSERT INTO shop_items VALUES ('x', 1);\n", "seed.sql"),
        ("services/shop/seed.sql", "SELECT 1;\n", "shop_items"),
    ],
)
def test_a_failure_leaves_everything_as_it_was(shop: Project, file: str, text: str, named: str) -> None:
    shop.write("old")
    (shop.root / file).write_text(text)
    ran = shop.invoke("db.reset")
    assert ran.code == 1
    assert named in ran.err
    assert "is as it was" in ran.err
    assert shop.text() == "old"
    assert {name for name in shop.databases() if "scratch" in name or "snap" in name} == set()


def test_an_init_file_must_not_name_the_live_database(shop: Project) -> None:
    """It runs in the new database while the old one still has the name: it would change the old one."""
    shop.write("old")
    (shop.root / "sql/base.sql").write_text(
        "-- ALTER DATABASE aegis: only a remark\nALTER DATABASE aegis SET work_mem = 1;\n"
    )
    ran = shop.invoke("db.reset")
    assert ran.code == 2
    assert "base.sql:2" in ran.last
    assert shop.text() == "old"


def test_sessions_of_others_stop_it(shop: Project) -> None:
    shop.write("old")
    with connect(shop.address, application="the app"):
        ran = shop.invoke("db.reset")
        assert ran.code == 4
        assert "the app" in ran.last
        assert "--disconnect" in ran.last
        assert shop.text() == "old"
        assert shop.invoke("db.reset", "--disconnect").code == 0
    assert shop.text() == "fresh"


def test_another_writer_stops_it(shop: Project) -> None:
    shop.write("old")
    with writer_lock(shop.address, wait=0, command="migrate.apply"):
        ran = shop.invoke("db.reset", "--lock-wait", "0")
    assert ran.code == 4
    assert "migrate.apply" in ran.last
    assert shop.text() == "old"


def test_the_first_reset_of_a_missing_database(shop: Project) -> None:
    with databases.maintenance(shop.address) as conn:
        databases.drop(conn, shop.address.database)
    ran = shop.invoke("db.reset", "--no-seed")
    assert ran.code == 0, ran.err
    assert _rows(shop.address) == []
    assert not any("before-reset" in name for name in shop.databases())


def test_sigterm_leaves_everything_as_it_was(shop: Project) -> None:
    shop.write("old")
    (shop.root / "services/shop/seed.sql").write_text("SELECT pg_sleep(600);\n")
    child = start(shop.root, "db.reset", env=shop.env)
    _wait_for_query(shop, "pg_sleep")
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate(timeout=100)
    assert child.returncode == 143, err
    assert "is as it was" in err.splitlines()[-1]
    assert shop.text() == "old"
    assert not any("scratch" in name for name in shop.databases())
    assert shop.sessions() == 0


@pytest.mark.slow
def test_killed_at_twenty_points(shop: Project) -> None:
    """Killed -9 after 1/20, 2/20 ... of a reset: the old database or the new one is whole, and the next reset works."""
    assert shop.invoke("db.reset").code == 0  # the templates are there: the kills hit clone, verification and swap
    began = time.monotonic()
    assert shop.invoke("db.reset").code == 0
    whole = time.monotonic() - began
    for point in range(1, 21):
        shop.write(f"old {point}")
        child = start(shop.root, "db.reset", env=shop.env)
        time.sleep(whole * point / 20)
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        assert shop.sessions() == 0
        assert shop.text() in {f"old {point}", "fresh"}
    ran = shop.invoke("db.reset")
    assert ran.code == 0, ran.err
    assert shop.text() == "fresh"
    assert shop.orphans() == ()


def _wait_for_query(shop: Project, part: str) -> None:
    deadline = time.monotonic() + 60
    with databases.maintenance(shop.address) as conn:
        sql = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s AND pid <> pg_backend_pid()"
        while not conn.value(sql, (f"%{part}%",)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
