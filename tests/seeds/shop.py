"""A small registry with one service `shop` on a test database, and seeds of every kind."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from textwrap import dedent
from typing import Any

import psycopg

from aegisdb.postgres.address import Address
from tests.running import eventually

TABLES = "CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL); CREATE TABLE tags (name text)"
OPEN = """\
import os, pathlib, subprocess, sys, time
import psycopg
urls = {name: value for name, value in os.environ.items() if value.startswith("postgres")}
conn = psycopg.connect(next(iter(urls.values())).replace("+asyncpg", ""))
"""


def make_shop(root: Path, database: Address, seeds: str, *, deploy: str = "", tables: str = TABLES) -> Path:
    """services.yaml and the service's folder; `seeds` is YAML (a list), the tables are made at once."""
    (root / "shop" / "shop").mkdir(parents=True, exist_ok=True)
    (root / "shop" / "shop" / "__init__.py").touch()
    listed = "".join(f"      {line}\n" for line in dedent(seeds).strip().splitlines())
    (root / "services.yaml").write_text(
        "version: 1\nproject: demo\n"
        f"targets:\n  local: {{url: {json.dumps(database.url())}, proof: local}}\n"
        f"database: {{name: {database.database}, user: aegis{f', deploy: {deploy}' if deploy else ''}}}\n"
        f"services:\n  shop:\n    path: shop\n    seeds:\n{listed}",
        encoding="utf-8",
    )
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute(tables)
    return root


def write_module(root: Path, name: str, body: str) -> None:
    """`shop/shop/NAME.py`: `conn` is open on the URL that the seed was given, then comes `body` (dedented)."""
    (root / "shop" / "shop" / f"{name}.py").write_text(OPEN + dedent(body), encoding="utf-8")


def query(database: Address, sql: str) -> list[tuple[Any, ...]]:
    """Rows, read by a connection of the test's own."""
    with psycopg.connect(database.url()) as conn:
        return conn.execute(sql).fetchall()


def ran(database: Address) -> list[tuple[Any, ...]]:
    """What the ledger holds."""
    if query(database, "SELECT to_regclass('aegisdb.seed_ledger')") == [(None,)]:
        return []
    return query(database, "SELECT service, seed FROM aegisdb.seed_ledger ORDER BY 1, 2")


def sessions(database: Address) -> list[tuple[Any, ...]]:
    """Sessions that stay on the database besides the test's own; a closed one takes a moment to end."""
    sql = (
        "SELECT pid, application_name FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    return [] if eventually(lambda: not query(database, sql)) else query(database, sql)


def processes_left(text: str) -> list[int]:
    """Pids of those that stay; one that was killed takes a moment to end."""
    return [] if eventually(lambda: not processes_naming(text)) else processes_naming(text)


def processes_naming(text: str) -> list[int]:
    """Pids whose command line holds `text`: children that outlived their parent."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) != os.getpid():
            try:
                line = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if text.encode() in line:
                found.append(int(folder.name))
    return found


def listening(port: int) -> bool:
    """Whether anything accepts connections on the port."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def http_server(
    answer: Callable[[BaseHTTPRequestHandler], object], host: str = "127.0.0.1"
) -> Iterator[tuple[int, list[str]]]:
    """A server on a free port that handles every request with `answer`; yields the port and the requests it got."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if self.raw_requestline and self.parse_request():
                seen.append(f"{self.command} {self.path}")
                answer(self)
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            return

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            return  # a client that hangs up is part of these tests

    with Server((host, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1], seen
        finally:
            server.shutdown()
            thread.join()


def reply(handler: BaseHTTPRequestHandler, status: int, body: str, **headers: str) -> None:
    """One complete answer."""
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body.encode())
