"""What a seed's request makes of the answers of servers, good and bad: a success, or a failure within its deadline."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisdb.errors import Failed, Unreachable
from aegisdb.seeds.deadline import Deadline
from aegisdb.seeds.http_answer import Answer, complaint, read_body
from aegisdb.seeds.http_request import read_endpoint, send
from tests.postgres_server import free_port
from tests.seeds.strangers import Script, raw_server, slowly, uvicorn

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SECONDS = 1.0


def asked(port: int, *, seconds: float = SECONDS, path: str = "/seed") -> Answer:
    """The answer to one POST."""
    return send(read_endpoint(f"POST http://127.0.0.1:{port}{path}"), Deadline(seconds))


def judged(script: Script, *, seconds: float = 10) -> str:
    """The complaint about a server's answer, or of the exchange that did not come to its end."""
    with raw_server(script) as port:
        try:
            return complaint(asked(port, seconds=seconds))
        except Failed as error:
            return f"{error.code}: {error.message}"


def whole(body: bytes, *headers: str, status: str = "200 OK") -> list[bytes]:
    """One complete answer."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return ["\r\n".join(head).encode() + b"\r\n\r\n" + body]


def endless(part: bytes, *, first: bytes = b"", seconds: float = 0.0) -> Iterator[bytes]:
    """A part that comes again and again, ten times longer than anybody waits."""
    yield first
    end = time.monotonic() + 10 * SECONDS
    while time.monotonic() < end:
        yield part
        time.sleep(seconds)


def late(parts: list[bytes]) -> Iterator[bytes]:
    """An answer that comes when nobody waits for it any more."""
    time.sleep(3 * SECONDS)
    yield from parts


LATE: dict[str, Script] = {
    "silence": lambda: endless(b"", seconds=0.1),
    "a head a byte at a time": lambda: slowly(OK + b"X: " + b"x" * 200),
    "a body a byte at a time": lambda: slowly(OK + b"Content-Length: 100\r\n\r\n" + b" " * 100),
    "a body without a length": lambda: endless(b" ", first=OK + b"\r\n", seconds=0.1),
    "chunks without an end": lambda: endless(b"1\r\n \r\n", first=CHUNKED, seconds=0.1),
    "heads without an end": lambda: endless(b"HTTP/1.1 103 Early Hints\r\n\r\n", seconds=0.001),
    "a length that is never reached": lambda: endless(b"", first=OK + b"Content-Length: 9\r\n\r\n{}", seconds=0.1),
    "an answer after the deadline": lambda: late(whole(b"{}")),
}


@pytest.mark.parametrize("script", LATE.values(), ids=LATE)
def test_the_deadline_holds(script: Script) -> None:
    with raw_server(script) as port:
        began = time.monotonic()
        with pytest.raises(Failed, match="did not answer within 1 s") as raised:
            asked(port)
        assert time.monotonic() - began < SECONDS + 1
    assert raised.value.code == "timeout"


@pytest.mark.parametrize("path", ["/length", "/none"])
def test_the_deadline_holds_against_uvicorn(tmp_path: Path, path: str) -> None:
    """A server that closes after its answer, as it is asked to."""
    with uvicorn(tmp_path) as port:
        began = time.monotonic()
        with pytest.raises(Failed, match="did not answer within 1 s"):
            asked(port, path=path)
        assert time.monotonic() - began < SECONDS + 1


BROKEN: dict[str, tuple[Script, str]] = {
    "nothing": (list, "closed the connection before the end of its headers"),
    "half a status line": (lambda: [b"HTTP/1.1 20"], "closed the connection before the end of its headers"),
    "half a header": (lambda: [OK + b"Content-Le"], "closed the connection before the end of its headers"),
    "a head without its empty line": (
        lambda: [OK + b"X: y\r\n"],
        "closed the connection before the end of its headers",
    ),
    "another protocol": (lambda: [b"SSH-2.0-OpenSSH_9.2\r\n\r\n"], "illegal status line"),
    "a negative length": (lambda: [OK + b"Content-Length: -5\r\n\r\n{}"], "bad Content-Length"),
    "a length that is no number": (lambda: [OK + b"Content-Length: x\r\n\r\n{}"], "bad Content-Length"),
    "two lengths": (lambda: [OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"], "conflicting Content-Length"),
    "a length too long": (lambda: [OK + b"Content-Length: 9\r\n\r\n{}"], "received 2 bytes, expected 9"),
    "a length too short": (lambda: [OK + b'Content-Length: 2\r\n\r\n{"ok": false}'], "more came than its head"),
    "a chunk that is cut": (lambda: [CHUNKED + b"5\r\n{"], "incomplete chunked read"),
    "no last chunk": (lambda: [CHUNKED + b"2\r\n{}\r\n"], "incomplete chunked read"),
    "a chunk of no size": (lambda: [CHUNKED + b"x\r\n{}\r\n"], "illegal chunk header"),
    "a chunk's size without an end": (lambda: [CHUNKED + b"2;" + b"x" * 99999], "too long"),
    "a header without an end": (lambda: [OK + b"X: " + b"x" * 99999], "too long"),
    "headers without an end": (lambda: [OK + b"X: y\r\n" * 99999], "too long"),
    "more than anybody reads": (lambda: [OK + b"\r\n", *[b" " * (1 << 20)] * 17], "more than 16 MB"),
    "more than anybody reads, in chunks": (
        lambda: [CHUNKED, *[b"100000\r\n" + b" " * (1 << 20) + b"\r\n"] * 17],
        "more than 16 MB",
    ),
}


@pytest.mark.parametrize(("script", "why"), BROKEN.values(), ids=BROKEN)
def test_an_answer_without_its_end_is_a_failure(script: Script, why: str) -> None:
    told = judged(script)
    assert told.startswith("seed_http: ")
    assert why in told


REFUSED = json.dumps({"ok": False, "why": "keine Öl\u00adfelder"}, ensure_ascii=False)
JSON = "Content-Type: application/json"
LONG = json.dumps({"pad": "x" * (2 << 20), "ok": False}).encode()
ERRORS: dict[str, list[bytes]] = {
    "plain": whole(REFUSED.encode()),
    "with a byte order mark": whole(b"\xef\xbb\xbf" + REFUSED.encode(), JSON),
    "in UTF-16": whole(REFUSED.encode("utf-16"), JSON),
    "in UTF-16 that is called UTF-8": whole(REFUSED.encode("utf-16"), f"{JSON}; charset=utf-8"),
    "in UTF-32": whole(REFUSED.encode("utf-32-be"), JSON),
    "in Latin-1": whole(REFUSED.encode("latin-1"), f"{JSON}; charset=ISO-8859-1"),
    "in a charset that nobody knows": whole(REFUSED.encode(), f"{JSON}; charset=klingon"),
    "in a codec that is no charset": whole(REFUSED.encode(), f"{JSON}; charset=zlib"),
    "longer than 1 MB": whole(LONG),
    "longer than 1 MB, without a length": [OK + b"\r\n", LONG],
    "longer than 1 MB, in chunks": [CHUNKED, b"%x\r\n" % len(LONG), LONG, b"\r\n0\r\n\r\n"],
    "in a list": whole(b'[{"ok": true}, {"ok": false}]'),
    "JSON that is cut": whole(b'{"ok": tr', JSON),
    "JSON that is cut, of a problem": whole(b'{"ok": tr', "Content-Type: application/problem+json"),
    "a page that is called JSON": whole(b"<html>moved</html>", JSON),
    "nested": whole(b"[" * 100_000, JSON),
    "nested and not called JSON": whole(b"[" * 100_000),
    "nested and whole": whole(b'{"error": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "nested, of a 500": whole(b"[" * 100_000, status="500 Oops"),
    "packed": whole(gzip.compress(b'{"ok": true}'), JSON, "Content-Encoding: gzip"),
}


@pytest.mark.parametrize("parts", ERRORS.values(), ids=ERRORS)
def test_an_error_is_found_however_it_is_written(parts: list[bytes]) -> None:
    assert judged(lambda: parts).startswith(("answered 200, but ", "answered 500: "))


def test_json_as_deep_as_the_stack_is_a_failure_and_no_bug() -> None:
    """Read with more of the stack free than is left when it is shown."""
    for depth in range(800, 1000):
        nested = b"[" * depth + b"]" * depth
        assert complaint(read_body(200, {}, b'{"errors": ' + nested + b', "status": ' + nested + b"}"))


SUCCESSES: dict[str, list[bytes]] = {
    "JSON": whole(b'{"ok": true}', JSON),
    "nothing": whole(b""),
    "nothing that is called JSON": whole(b"", JSON),
    "204": [b"HTTP/1.1 204 No Content\r\n\r\n"],
    "text": whole("Ölfelder: 3".encode(), "Content-Type: text/plain; charset=utf-8"),
    "text like JSON": whole(b"[INFO] 3 rows", "Content-Type: text/plain"),
    "an old server's": [b"HTTP/1.0 200 OK\r\n\r\n", b"{}"],
    "hints first": [b"HTTP/1.1 103 Early Hints\r\n\r\n", *whole(b"{}")],
    "15 MB": whole(b'{"pad": "' + b"x" * (15 << 20) + b'"}', JSON),
}


@pytest.mark.parametrize("parts", SUCCESSES.values(), ids=SUCCESSES)
def test_a_success_stays_one(parts: list[bytes]) -> None:
    assert judged(lambda: parts) == ""


def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        asked(free_port())


def test_odd_characters_of_a_path_are_encoded() -> None:
    endpoint = read_endpoint("POST http://localhost/öl felder?q=a b%20c&x=[1]")
    assert endpoint.path == "/%C3%B6l%20felder?q=a%20b%20c&x=[1]"
