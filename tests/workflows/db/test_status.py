"""db.status says what is there, also when something is missing, and never hangs."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from aegisdb.postgres import databases
from aegisdb.postgres.connection import connect
from aegisdb.postgres.locks import writer_lock
from tests.invoke import command, environment
from tests.postgres_server import PASSWORD
from tests.workflows.project import Project


def test_it_shows_what_is_there(shop: Project) -> None:
    with connect(shop.address) as conn:
        conn.execute("CREATE EXTENSION vector")
        conn.execute("CREATE TABLE t (i int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'")
        conn.execute("CREATE TRIGGER guard BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()")
    with writer_lock(shop.address, wait=0, command="migrate.apply"):
        shown = shop.invoke("db.status", "--format", "json")
    result = shown.json["result"]
    assert shown.code == 0, shown.err
    assert (result["state"], result["triggers"]) == ("up", 1)
    assert set(result["extensions"]) == {"vector"}
    assert result["writer"].startswith("migrate.apply ")
    assert result["reached"] == f"{shop.address.database}@127.0.0.1:{shop.address.port}"
    with connect(shop.address) as conn:
        conn.execute("ALTER TABLE t DISABLE TRIGGER guard")
    ran = shop.invoke("db.status")
    assert ran.code == 6
    assert "public.t: guard" in ran.last


def test_a_missing_extension_or_graph_is_a_difference(shop: Project) -> None:
    path = shop.root / "services.yaml"
    document = json.loads(path.read_text())
    document["database"] |= {"extensions": ["age"], "graphs": ["wells"]}
    path.write_text(json.dumps(document))
    ran = shop.invoke("db.status", "--format", "json")
    assert ran.code == 6
    assert ran.json["result"]["missing"] == ["extension age", "graph wells"]
    assert ran.json["errors"][-1]["hint"] == "invoke doctor --fix"  # a reset is refused on most servers, and loses rows


def test_a_missing_database(shop: Project) -> None:
    with databases.maintenance(shop.address) as conn:
        databases.drop(conn, shop.address.database)
    ran = shop.invoke("db.status")
    assert ran.code == 7
    assert "invoke db.prepare" in ran.last


@pytest.mark.parametrize("fault", ["closed", "silent"])
def test_a_server_that_does_not_answer(shop: Project, fault: str) -> None:
    """Fault 8 of docs/faults.md: 7, one line, no secret (`invoke` checks for the password), and an end."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = int(listener.getsockname()[1]) if fault == "silent" else 1
        began = time.monotonic()
        env = {"THE_URL": replace(shop.address, port=port).url()}
        with ThreadPoolExecutor() as at_once:  # each waits for as long as a server may take
            all_ran = list(
                at_once.map(lambda task: shop.invoke(task, env=env), ("db.status", "db.snapshots", "db.reset"))
            )
        for ran in all_ran:
            assert ran.code == 7
            assert f"127.0.0.1:{port}" in ran.last
            assert "Traceback" not in ran.err
        assert time.monotonic() - began < 200  # the fault is hanging for ever


def test_a_locked_table_does_not_hang_it(shop: Project) -> None:
    """Fault 17 of docs/faults.md for this task: it reads catalogs, which nobody locks."""
    with connect(shop.address) as conn, conn.transaction():
        conn.execute("CREATE TABLE t (i int); LOCK TABLE pg_trigger IN ACCESS EXCLUSIVE MODE")
        ran = shop.invoke("db.status")
    assert ran.code == 4
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("safe", [False, True])
def test_the_url_alone_is_on_stdout(shop: Project, *, safe: bool) -> None:
    words = ["db.url", "--safe"] if safe else ["db.url"]
    done = subprocess.run(
        command(*words), cwd=shop.root, env=environment(shop.env), capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    expected = shop.address.masked if safe else shop.address.url()
    assert done.stdout == f"{expected}\n"


def test_the_shell_is_psql_on_the_database(shop: Project, tmp_path: Path) -> None:
    done = subprocess.run(
        command("db.shell"),
        cwd=shop.root,
        env=environment({**shop.env, "HOME": str(tmp_path), "PGHOSTADDR": "127.0.0.9"}),
        input="SELECT current_database();\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert shop.address.database in done.stdout
    assert PASSWORD not in done.stdout + done.stderr
