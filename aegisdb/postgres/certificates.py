"""The certificate that a server shows, named for who is told that it is not trusted.

It is asked for in a handshake of its own, after which no login follows: libpq says that it did not trust the
certificate, and not which one.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_TIMEOUT = 3.0  # seconds
_NAMES = {b"\x55\x04\x03": "CN", b"\x55\x04\x0a": "O"}
"""Object identifiers 2.5.4.3 and 2.5.4.10."""
_SEQUENCE, _VERSION = 0x30, 0xA0


def shown_by(host: str, port: int) -> str:
    """Subject, issuer and SHA-256 of the server's certificate; empty where it shows none now."""
    with suppress(OSError, ValueError, IndexError), socket.create_connection((host, port), _TIMEOUT) as plain:
        plain.sendall(_SSL_REQUEST)
        if plain.recv(1) != b"S":
            return ""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # it is only looked at: nothing is sent to who shows it
        with context.wrap_socket(plain, server_hostname=host) as secured:
            return _described(secured.getpeercert(binary_form=True) or b"")
    return ""


def _described(der: bytes) -> str:
    (_, certificate), *_ = _elements(der)
    (_, to_be_signed), *_ = _elements(certificate)
    fields = [content for tag, content in _elements(to_be_signed) if tag != _VERSION]
    _, _, issuer, _, subject, *_ = fields  # serial number, algorithm, issuer, validity, subject
    digest = hashlib.sha256(der).hexdigest()
    return f"subject {_name(subject)}, issuer {_name(issuer)}, SHA-256 {digest[:16]}..."


def _name(encoded: bytes) -> str:
    """A distinguished name as far as people read it."""
    found = []
    for _, relative in _elements(encoded):
        for _, pair in _elements(relative):
            (_, identifier), (_, value) = _elements(pair)
            if identifier in _NAMES:
                found.append(f"{_NAMES[identifier]}={value.decode(errors='replace')}")
    return ", ".join(found) or "without a name"


def _elements(encoded: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of what stands one after the other in DER."""
    at = 0
    while at < len(encoded):
        tag, size = encoded[at], encoded[at + 1]
        at += 2
        if size & 0x80:
            more = size & 0x7F
            size = int.from_bytes(encoded[at : at + more], "big")
            at += more
        yield tag, encoded[at : at + size]
        at += size
