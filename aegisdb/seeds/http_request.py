"""One HTTP request: no proxy, no redirect, no credentials, one total deadline."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aegisdb.errors import BadInput, Failed, Unreachable

if TYPE_CHECKING:
    from aegisdb.seeds.deadline import Deadline

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_MOST_BYTES = 1 << 20
_EXCERPT = 300
_CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class Endpoint:
    """A method and a URL, checked."""

    method: str
    url: str
    secure: bool
    host: str
    port: int
    path: str

    @property
    def local(self) -> bool:
        """Whether it is on this machine by its name."""
        return self.host in LOCAL_HOSTS

    def __str__(self) -> str:
        return f"{self.method} {self.url}"


@dataclass(frozen=True)
class Answer:
    """What came back; `data` is the body as JSON, None where it is not JSON."""

    status: int
    location: str
    text: str
    data: Any


def read_endpoint(text: str, *, method: str = "") -> Endpoint:
    """Read `POST http://localhost:8003/seed`, or a bare URL where `method` is given.

    Raises:
        BadInput: not that form, or a login in the URL (which is not echoed).
    """
    verb, _, url = (method, "", text) if method else text.strip().partition(" ")
    url = url.strip()
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadInput("a seed's URL cannot be read", hint="write POST http://localhost:8003/seed") from None
    if "@" in parts.netloc:
        raise BadInput("a seed's URL must not carry a login", hint="write POST http://localhost:8003/seed")
    if parts.scheme not in {"http", "https"} or not parts.hostname or not verb.isalpha() or not url.isprintable():
        raise BadInput(f"not a method and a URL: {text!r}", hint="write POST http://localhost:8003/seed")
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Endpoint(verb.upper(), url, secure, parts.hostname, port or (443 if secure else 80), path)


def listens(endpoint: Endpoint, seconds: float = 1.0) -> bool:
    """Whether anything accepts connections there."""
    try:
        with socket.create_connection((endpoint.host, endpoint.port), timeout=max(seconds, 0.01)):
            return True
    except OSError:
        return False


def send(endpoint: Endpoint, deadline: Deadline) -> Answer:
    """Send the request and read the whole answer before the deadline.

    Raises:
        Unreachable: no connection came about: nothing was sent, nothing changed.
        Failed: it broke off, is no HTTP, or took longer than the deadline (code `timeout`); the server may have worked.
            The message has no subject: the caller names the request.
    """
    connection = _connect(endpoint, deadline)
    late = threading.Event()

    def cut() -> None:
        late.set()
        with suppress(OSError):  # the answer came at that very moment
            connection.sock.shutdown(socket.SHUT_RDWR)

    # a timeout of the socket starts anew with every byte; only a watchdog bounds the whole
    watchdog = threading.Timer(deadline.remaining, cut)
    watchdog.daemon = True
    watchdog.start()
    try:
        answer = _exchange(connection, endpoint)
    except (OSError, http.client.HTTPException) as error:
        if late.is_set():
            raise Failed(f"did not answer within {deadline.seconds:g} s", code="timeout") from None
        reason = str(error) or type(error).__name__
        raise Failed(f"broke off its answer: {reason}", code="seed_http") from error
    finally:
        watchdog.cancel()
        connection.close()
    return answer


class _WholeResponse(http.client.HTTPResponse):
    """A response whose head must end with its empty line: http.client takes the end of a broken one for it."""

    def begin(self) -> None:
        source = self.fp
        self.fp = _Unbroken(source)  # type: ignore[assignment]  # begin() only reads lines
        try:
            super().begin()
        finally:
            if self.fp is not None:
                self.fp = source


class _Unbroken:
    """The lines of a stream that may not end in the middle of one, or before the reader is done."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readline(self, limit: int = -1) -> bytes:
        line: bytes = self._stream.readline(limit)
        if not line.endswith(b"\n") and len(line) != limit:
            raise http.client.IncompleteRead(line)
        return line

    def close(self) -> None:
        self._stream.close()


def _connect(endpoint: Endpoint, deadline: Deadline) -> http.client.HTTPConnection:
    seconds = max(0.01, min(_CONNECT_SECONDS, deadline.remaining))
    connection = (
        http.client.HTTPSConnection(endpoint.host, endpoint.port, timeout=seconds, context=ssl.create_default_context())
        if endpoint.secure
        else http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=seconds)
    )
    try:
        connection.connect()
    except OSError as error:
        raise Unreachable(
            f"nothing answers at {endpoint.host}:{endpoint.port}: {error.strerror or error}",
            hint="start the service, or add `serve:` to its seed in services.yaml",
            code="seed_unreachable",
        ) from error
    connection.response_class = _WholeResponse
    connection.sock.settimeout(None)  # from here on the watchdog keeps the time
    return connection


def _exchange(connection: http.client.HTTPConnection, endpoint: Endpoint) -> Answer:
    headers = {"Accept": "application/json", "Connection": "close"}
    body = b"" if endpoint.method != "GET" else None
    connection.request(endpoint.method, endpoint.path, body=body, headers=headers)
    response = connection.getresponse()
    raw = response.read(_MOST_BYTES)
    if response.length:  # announced, but the connection was cut before it came (or it is longer than we read)
        raise http.client.IncompleteRead(raw, response.length)
    text = raw.decode(errors="replace")
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    return Answer(response.status, response.headers.get("Location", ""), text, data)


def complaint(answer: Answer) -> str:
    """Why this answer is no success, in a few words; empty when it is one.

    A 2xx whose JSON says otherwise is a failure: `ok` or `success` false, `error` or `errors` given, `status` error.
    """
    if 300 <= answer.status < 400:  # noqa: PLR2004  the redirects
        return f"answered {answer.status} and points to {answer.location or 'nowhere'}: a seed is never redirected"
    said = _error_in(answer.data)
    if not 200 <= answer.status < 300:  # noqa: PLR2004  the successes
        return f"answered {answer.status}: {said or _excerpt(answer.text)}"
    return f"answered {answer.status}, but its body says: {said}" if said else ""


def _error_in(data: Any) -> str:
    if not isinstance(data, dict):
        return ""
    for key in ("error", "errors"):
        if data.get(key):
            return _excerpt(data[key] if isinstance(data[key], str) else json.dumps(data[key]))
    refused = data.get("ok") is False or data.get("success") is False
    refused = refused or str(data.get("status", "")).lower() in {"error", "failed", "failure"}
    return _excerpt(json.dumps(data)) if refused else ""


def _excerpt(text: str) -> str:
    # an error page in HTML says one sentence in 400 characters
    page = (
        re.sub(r"(?is)<(title|style|script)\b.*?</\1\s*>|<[^>]*>", " ", text) if text.lstrip().startswith("<") else text
    )
    line = " ".join(page.split())
    return line[:_EXCERPT] + ("..." if len(line) > _EXCERPT else "") if line else "no body"
