"""HTTP seeds through the real command: fault 42 of docs/faults.md."""

from __future__ import annotations

import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from tests.invoke import Ran, invoke
from tests.postgres_server import free_port
from tests.seeds.shop import TABLES, http_server, listening, make_shop, query, ran, reply, sessions
from tests.seeds.strangers import uvicorn

Answer = Callable[[BaseHTTPRequestHandler], object]


def seed_at(
    root: Path, database: Address, port: int, extra: str = "", *, host: str = "localhost", path: str = "seed"
) -> Ran:
    """seed.run of a registry whose one seed posts to the port."""
    seeds = f"- http: POST http://{host}:{port}/{path}\n  fills: [items]\n{extra}"
    make_shop(root, database, seeds, tables=TABLES.replace("TABLE", "TABLE IF NOT EXISTS"))
    return invoke("seed.run", "--format", "json", cwd=root)


def code_of(done: Ran) -> str:
    """The stable code of the first error."""
    return str(done.json["errors"][0]["code"])


def test_down_without_serve_is_unreachable(tmp_path: Path, database: Address) -> None:
    done = seed_at(tmp_path, database, free_port())
    assert (done.code, code_of(done)) == (7, "seed_unreachable")
    assert ran(database) == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, '{"ok": false, "error": "no such graph"}'),
        (404, "not here"),
        (200, '{"ok": false}'),
        (200, '{"error": "no such graph"}'),
        (200, '{"errors": [{"message": "no such graph"}]}'),
        (200, '{"status": "error"}'),
    ],
)
def test_an_answer_that_is_no_success(tmp_path: Path, database: Address, status: int, body: str) -> None:
    with http_server(lambda handler: reply(handler, status, body)) as (port, seen):
        done = seed_at(tmp_path, database, port)
    assert (done.code, code_of(done)) == (1, "seed_http")
    assert str(status) in done.json["errors"][0]["message"]
    if "graph" in body:
        assert "no such graph" in done.json["errors"][0]["message"]
    assert seen == ["POST /seed"]
    assert ran(database) == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_post_is_never_redirected(tmp_path: Path, database: Address, status: int) -> None:
    with (
        http_server(lambda handler: reply(handler, 200, "{}")) as (other, reached),
        http_server(lambda h: reply(h, status, "", Location=f"http://localhost:{other}/elsewhere")) as (port, seen),
    ):
        done = seed_at(tmp_path, database, port)
    assert (done.code, code_of(done)) == (1, "seed_http")
    assert "never redirected" in done.json["errors"][0]["message"]
    assert (seen, reached) == (["POST /seed"], [])


def test_another_host_is_refused_unless_the_registry_allows_it(tmp_path: Path, database: Address) -> None:
    with http_server(lambda handler: reply(handler, 200, "{}"), "127.0.0.2") as (port, seen):
        done = seed_at(tmp_path, database, port, host="127.0.0.2")
        assert (done.code, code_of(done)) == (2, "remote_seed")
        assert seen == []
        done = seed_at(tmp_path, database, port, "  remote: true\n", host="127.0.0.2")
        assert (done.code, seen) == (1, ["POST /seed"])  # sent; it filled nothing
    done = seed_at(tmp_path / "login", database, free_port(), host="user:hunter2@localhost")
    assert done.code == 2
    assert "hunter2" not in done.out + done.err


def drip(handler: BaseHTTPRequestHandler) -> None:
    """One byte of a valid answer every 0.2 s."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(300):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.2)


def drip_header(handler: BaseHTTPRequestHandler) -> None:
    """One byte of a header every 0.2 s."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(300):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.2)


def silence(handler: BaseHTTPRequestHandler) -> None:
    """No answer at all, until the client hangs up."""
    handler.connection.settimeout(30)
    handler.rfile.read(1)


@pytest.mark.parametrize("answer", [drip, drip_header, silence])
def test_one_deadline_for_the_whole_answer(tmp_path: Path, database: Address, answer: Answer) -> None:
    with http_server(answer) as (port, _):
        done = seed_at(tmp_path, database, port, "  timeout: 1\n")
    assert (done.code, code_of(done)) == (1, "timeout")
    assert ran(database) == []


@pytest.mark.parametrize("path", ["length", "none"])
def test_one_deadline_against_a_server_that_closes_as_asked(tmp_path: Path, database: Address, path: str) -> None:
    with uvicorn(tmp_path / "stranger") as port:
        done = seed_at(tmp_path, database, port, "  timeout: 2\n", path=path)
    assert (done.code, code_of(done)) == (1, "timeout")
    assert ran(database) == []


def test_a_probe_that_drips_ends_before_anything_is_sent(tmp_path: Path, database: Address) -> None:
    with uvicorn(tmp_path / "stranger") as port:
        done = seed_at(tmp_path, database, port, f"  ready: http://localhost:{port}/health\n  timeout: 2\n")
    assert (done.code, code_of(done)) == (3, "listener_not_ready")
    assert "did not answer within" in done.json["errors"][0]["message"]


def test_json_without_an_end_is_no_bug(tmp_path: Path, database: Address) -> None:
    """Nested as deep as a stranger likes."""
    with http_server(lambda handler: reply(handler, 200, "[" * 100_000)) as (port, _):
        done = seed_at(tmp_path, database, port)
    assert (done.code, code_of(done)) == (1, "seed_http")


@pytest.mark.parametrize(
    "part",
    [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"],
)
def test_an_answer_that_breaks_off(tmp_path: Path, database: Address, part: bytes) -> None:
    with http_server(lambda handler: handler.wfile.write(part)) as (port, _):
        done = seed_at(tmp_path, database, port)
    assert (done.code, code_of(done)) == (1, "seed_http")


def test_a_success_that_wrote_elsewhere_is_found(tmp_path: Path, database: Address) -> None:
    with http_server(lambda handler: reply(handler, 200, '{"ok": true}')) as (port, _):
        done = seed_at(tmp_path, database, port)
    assert (done.code, code_of(done)) == (1, "seed_no_rows")


def test_a_listener_on_another_database_is_refused_before_the_post(tmp_path: Path, database: Address) -> None:
    with http_server(lambda handler: reply(handler, 200, '{"ok": true, "database": "production"}')) as (port, seen):
        done = seed_at(tmp_path, database, port, f"  ready: http://localhost:{port}/health\n")
    assert (done.code, code_of(done)) == (3, "other_database")
    assert seen == ["GET /health"]


def test_a_listener_that_is_not_ready_is_not_posted_to(tmp_path: Path, database: Address) -> None:
    with http_server(lambda handler: reply(handler, 503, '{"error": "starting"}')) as (port, seen):
        done = seed_at(tmp_path, database, port, f"  ready: http://localhost:{port}/health\n")
    assert (done.code, code_of(done)) == (3, "listener_not_ready")
    assert seen == ["GET /health"]


SERVE = """\
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
import psycopg

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({"ok": True})

    def do_POST(self):
        with psycopg.connect(os.environ["DATABASE_URL"]) as conn:
            conn.execute("INSERT INTO items VALUES (1, 'a') ON CONFLICT DO NOTHING")
        self.answer({"ok": True})

    def answer(self, body):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def serving(root: Path, database: Address, program: str, timeout: float = 30) -> tuple[Ran, int]:
    """seed.run of a seed that serves itself with `program`, and its port."""
    port = free_port()
    extra = f"  serve: python serve.py {port}\n  ready: http://localhost:{port}/health\n  timeout: {timeout}\n"
    (root / "shop").mkdir(exist_ok=True, parents=True)
    (root / "shop" / "serve.py").write_text(program)
    return seed_at(root, database, port, extra), port


def test_a_server_is_started_and_stopped(tmp_path: Path, database: Address) -> None:
    done, port = serving(tmp_path, database, SERVE)
    assert done.code == 0, done.err
    assert query(database, "SELECT count(*) FROM items") == [(1,)]
    assert not listening(port)
    assert sessions(database) == []


def test_a_server_that_dies_shows_its_last_words(tmp_path: Path, database: Address) -> None:
    done, _ = serving(tmp_path, database, "raise SystemExit('port is cursed')")
    assert (done.code, code_of(done)) == (1, "serve")
    assert "port is cursed" in done.json["errors"][0]["message"]


def test_a_server_that_is_never_ready(tmp_path: Path, database: Address) -> None:
    done, port = serving(tmp_path, database, "print('warming up', flush=True)\nimport time; time.sleep(600)", timeout=6)
    assert (done.code, code_of(done)) == (1, "timeout")
    assert "warming up" in done.json["errors"][0]["message"]
    assert not listening(port)


def test_the_log_of_a_server_explains_its_500(tmp_path: Path, database: Address) -> None:
    program = SERVE.replace("INSERT INTO items", "INSERT INTO nowhere")
    done, port = serving(tmp_path, database, program)
    assert done.code == 1
    assert 'relation "nowhere" does not exist' in done.json["errors"][0]["message"]
    assert not listening(port)
