"""One HTTP request: no proxy, no redirect, no credentials, one total deadline.

h11 reads the answer: it judges its form and bounds its head. The socket is ours, so each wait on it has what is left of
the deadline, however the other side spaces its bytes.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from aegisdb.errors import BadInput, Failed, TimedOut, Unreachable
from aegisdb.seeds.http_answer import Answer, read_body

if TYPE_CHECKING:
    import h11

    from aegisdb.seeds.deadline import Deadline

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_MOST_BYTES = 16 << 20
_AT_ONCE = 1 << 16
_CONNECT_SECONDS = 5.0
_KEPT_IN_PATHS = "%/:=&?~+!$,;'@()*[]"


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
    well_formed = (verb + parts.netloc).isascii() and verb.isalpha() and url.isprintable()
    if parts.scheme not in {"http", "https"} or not parts.hostname or not well_formed:
        raise BadInput(f"not a method and a URL: {text!r}", hint="write POST http://localhost:8003/seed")
    secure = parts.scheme == "https"
    path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_KEPT_IN_PATHS)
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
        Failed: it broke off, is no HTTP, is too long, or took longer than the deadline (code `timeout`); the server may
            have worked. The message has no subject: the caller names the request.
    """
    import h11

    with _connect(endpoint, deadline) as sock:
        try:
            return _exchange(sock, endpoint, deadline)
        except TimeoutError:
            raise TimedOut(f"did not answer within {deadline.seconds:g} s") from None
        except (OSError, h11.RemoteProtocolError) as error:
            reason = str(error) or type(error).__name__
            raise Failed(f"broke off its answer: {reason}", code="seed_http") from error


def _connect(endpoint: Endpoint, deadline: Deadline) -> socket.socket:
    seconds = max(0.01, min(_CONNECT_SECONDS, deadline.remaining))
    try:
        sock = socket.create_connection((endpoint.host, endpoint.port), timeout=seconds)
        if not endpoint.secure:
            return sock
        try:
            return ssl.create_default_context().wrap_socket(sock, server_hostname=endpoint.host)
        except BaseException:
            sock.close()
            raise
    except OSError as error:
        raise Unreachable(
            f"nothing answers at {endpoint.host}:{endpoint.port}: {error.strerror or error}",
            hint="start the service, or add `serve:` to its seed in services.yaml",
            code="seed_unreachable",
        ) from error


def _exchange(sock: socket.socket, endpoint: Endpoint, deadline: Deadline) -> Answer:
    import h11

    talk = h11.Connection(h11.CLIENT)
    sock.settimeout(_left(deadline))
    sock.sendall((talk.send(_request(endpoint)) or b"") + (talk.send(h11.EndOfMessage()) or b""))
    head, body = None, bytearray()
    while True:
        event = talk.next_event()
        if event is h11.NEED_DATA:
            sock.settimeout(_left(deadline))
            talk.receive_data(_received(sock, begun=head is not None))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > _MOST_BYTES:
                raise Failed(f"answered more than {_MOST_BYTES >> 20} MB", code="seed_http")
        elif isinstance(event, h11.EndOfMessage):
            break
    if head is None or talk.trailing_data[0]:
        raise h11.RemoteProtocolError("more came than its headers announced")
    return read_body(head.status_code, _text_headers(head), bytes(body))


def _received(sock: socket.socket, *, begun: bool) -> bytes:
    data = sock.recv(_AT_ONCE)
    if not (data or begun):
        raise ConnectionError("it closed the connection before the end of its headers")
    return data


def _left(deadline: Deadline) -> float:
    if deadline.over:
        raise TimeoutError  # a server that is never silent gives no wait in which the time could run out
    return deadline.remaining


def _request(endpoint: Endpoint) -> h11.Request:
    import h11

    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    headers = [
        ("Host", f"{host}:{endpoint.port}"),
        ("Accept", "application/json"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    if endpoint.method != "GET":
        headers.append(("Content-Length", "0"))
    return h11.Request(method=endpoint.method, target=endpoint.path, headers=headers)


def _text_headers(head: h11.Response) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
