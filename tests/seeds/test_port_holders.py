"""`serve` and somebody else on its port: nothing is ever sent to a server that is not proven to be ours."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import psutil  # noqa: F401  as what it is here, before a test says that this is another system
import pytest

from aegisdb.postgres.address import Address
from aegisdb.seeds import port_holders
from tests.invoke import command, environment, invoke
from tests.postgres_server import TestServer, free_port
from tests.seeds.shop import http_server, listening, make_shop, query, ran, reply
from tests.seeds.test_http import SERVE, code_of

SLOW = "import time; time.sleep(2)\n" + SERVE
"""Binds so late that two of them always collide."""

STRANGER = """\
import json, os, sys
if os.fork():
    os._exit(0)  # an orphan: of nobody's family
with open("stranger.pid", "w") as file:
    file.write(str(os.getpid()))
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def answer(self):
        with open("requests", "a") as seen:
            seen.write(self.command + "\\n")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"ok": True}).encode())
    do_GET = do_POST = answer

HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
OVERTAKEN = (
    """\
import os, socket, subprocess, sys, time
if not os.path.exists("stranger.pid"):
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("AEGISDB_")}
    subprocess.run([sys.executable, "stranger.py", sys.argv[1]], start_new_session=True, env=quiet)
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", int(sys.argv[1]))) == 0:
                break
        time.sleep(0.05)
"""
    + SERVE
)
"""A stranger (the first time) listens after our look at the port and before our server's bind."""


def shop_at(root: Path, database: Address, port: int, program: str, timeout: float) -> Path:
    """A registry whose one seed serves itself with `program` on the port."""
    (root / "shop").mkdir(parents=True)
    (root / "shop" / "serve.py").write_text(program)
    (root / "shop" / "stranger.py").write_text(STRANGER)
    seeds = (
        f"- http: POST http://localhost:{port}/seed\n  fills: [items]\n"
        f"  serve: python serve.py {port}\n  ready: http://localhost:{port}/health\n  timeout: {timeout}\n"
    )
    return make_shop(root, database, seeds)


def test_two_projects_on_one_port_wait_for_each_other(tmp_path: Path, database: Address, server: TestServer) -> None:
    port = free_port()
    second = server.address.with_database(f"{database.database}_2")
    query_server(server, f'CREATE DATABASE "{second.database}"')
    roots = [
        shop_at(tmp_path / name, address, port, SLOW, 90) for name, address in (("one", database), ("two", second))
    ]
    try:
        runs = [
            subprocess.Popen(
                command("seed.run"), cwd=root, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            for root in roots
        ]
        errors = [run.communicate(timeout=110)[1].decode() for run in runs]
        assert [run.returncode for run in runs] == [0, 0], errors
        assert query(database, "SELECT count(*) FROM items") == query(second, "SELECT count(*) FROM items") == [(1,)]
    finally:
        query_server(server, f'DROP DATABASE "{second.database}" WITH (FORCE)')
    assert not listening(port)


def test_a_stranger_that_was_quicker_gets_no_post(tmp_path: Path, database: Address) -> None:
    port = free_port()
    root = shop_at(tmp_path, database, port, OVERTAKEN, 15)
    done = invoke("seed.run", "--format", "json", cwd=root)
    pid = int((root / "shop" / "stranger.pid").read_text())
    try:
        assert (done.code, code_of(done)) == (4, "port_busy"), done.err
        assert f"process {pid}" in done.json["errors"][0]["message"]
        assert "POST" not in (root / "shop" / "requests").read_text()
        assert ran(database) == []
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_stranger_that_leaves_in_time_is_waited_for(tmp_path: Path, database: Address) -> None:
    port = free_port()
    root = shop_at(tmp_path, database, port, OVERTAKEN, 90)
    run = subprocess.Popen(
        command("seed.run"), cwd=root, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    requests = root / "shop" / "requests"
    while not requests.exists() and run.poll() is None:
        time.sleep(0.1)
    pid = int((root / "shop" / "stranger.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    _, err = run.communicate(timeout=100)
    assert run.returncode == 0, err.decode()
    assert "POST" not in requests.read_text()
    assert query(database, "SELECT count(*) FROM items") == [(1,)]


def test_a_listener_on_another_database_is_named(tmp_path: Path, database: Address) -> None:
    def health(handler: BaseHTTPRequestHandler) -> None:
        reply(handler, 200, '{"ok": true, "database": "other", "database_identity": "1:1"}')

    with http_server(health) as (port, seen):
        done = invoke("seed.run", "--format", "json", cwd=shop_at(tmp_path, database, port, SERVE, 30))
    assert (done.code, code_of(done)) == (3, "other_database")
    assert f"process {os.getpid()}" in done.json["errors"][0]["message"]
    assert set(seen) == {"GET /health"}


@pytest.mark.parametrize("told", ['{"ok": true}', '{"ok": true, "database": "DATABASE"}', "<html>an app</html>"])
def test_a_listener_that_proves_nothing_gets_no_post(tmp_path: Path, database: Address, told: str) -> None:
    """It was there before us, its `ready` answers 200; where the seed could serve itself, that is not enough."""

    def health(handler: BaseHTTPRequestHandler) -> None:
        kind = "text/html" if told.startswith("<") else "application/json"
        reply(handler, 200, told.replace("DATABASE", database.database), **{"Content-Type": kind})

    with http_server(health) as (port, seen):
        done = invoke("seed.run", "--format", "json", cwd=shop_at(tmp_path, database, port, SERVE, 30))
    assert (done.code, code_of(done)) == (3, "listener_unproven")
    assert f"process {os.getpid()}" in done.json["errors"][0]["message"]
    assert set(seen) == {"GET /health"}
    assert ran(database) == []


def test_a_listener_that_proves_its_database_is_used(tmp_path: Path, database: Address) -> None:
    ((identity,),) = query(
        database,
        "SELECT (SELECT system_identifier FROM pg_control_system()) || ':' || oid"
        " FROM pg_database WHERE datname = current_database()",
    )

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.command == "POST":
            query(database, "INSERT INTO items VALUES (1, 'a') RETURNING id")
        told = {"ok": True, "database": database.database, "database_identity": identity}
        reply(handler, 200, json.dumps(told))

    with http_server(answer) as (port, seen):
        done = invoke("seed.run", cwd=shop_at(tmp_path, database, port, "raise SystemExit('not needed')", 30))
    assert done.code == 0, done.err
    assert seen == ["GET /health", "POST /seed"]


def test_a_port_that_is_taken_is_changed_by_a_variable(tmp_path: Path, database: Address) -> None:
    """A stranger has the usual port: `${NAME:-default}` in the registry moves the seed without an edit."""
    with http_server(lambda handler: reply(handler, 404, "<html><title>x</title><p>no such page</p></html>")) as (
        port,
        seen,
    ):
        root = shop_at(tmp_path, database, port, SERVE, 30)
        registry = root / "services.yaml"
        registry.write_text(registry.read_text().replace(str(port), f"${{SHOP_PORT:-{port}}}", 3))
        refused = invoke("seed.run", "--format", "json", cwd=root)
        done = invoke("seed.run", cwd=root, env={"SHOP_PORT": str(free_port())})
    assert (refused.code, code_of(refused)) == (3, "listener_not_ready")
    assert "/health answered 404: no such page" in refused.json["errors"][0]["message"]
    assert "another port" in refused.json["errors"][0]["hint"]
    assert done.code == 0, done.err
    assert set(seen) == {"GET /health"}


@pytest.mark.parametrize("platform", ["linux", "darwin"])
@pytest.mark.parametrize("marked", [False, True])
def test_a_port_belongs_to_the_family_that_listens(
    monkeypatch: pytest.MonkeyPatch, platform: str, *, marked: bool
) -> None:
    """On Linux by /proc, elsewhere by psutil, which answers here as well."""
    port = free_port()
    program = f"import socket; s = socket.create_server(('127.0.0.1', {port})); print(flush=True); input()"
    named = {port_holders.MARK: "1"} if marked else {}
    with (
        subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
            env=os.environ | named,
        ) as child,
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other,
    ):
        assert child.stdout
        child.stdout.readline()
        monkeypatch.setattr(sys, "platform", platform)
        assert port_holders.who_listens(child.pid, port) == "family"
        assert port_holders.who_listens(os.getpid(), port) == "family"  # a descendant
        assert port_holders.who_listens(other.pid, port) == "stranger"
        (found,) = port_holders.strangers(port)
        assert (found.pid, found.is_seed_server) == (child.pid, marked)
        assert found.command.startswith(sys.executable[:20])
        for process in (child, other):
            process.communicate(b"\n")
    assert port_holders.who_listens(os.getpid(), port) == "nobody"


def query_server(server: TestServer, statement: str) -> None:
    """One statement outside of a transaction, on the server."""
    import psycopg

    with psycopg.connect(server.address.url(), autocommit=True) as conn:
        conn.execute(statement.encode())
