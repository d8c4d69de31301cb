"""The places that a database URL names: one host, or several that are tried in order, as libpq reads them."""

from __future__ import annotations

import re
from urllib.parse import unquote

from aegisdb.errors import BadInput
from aegisdb.plain_text import number_of

_DEFAULT_PORT = 5432
_LAST_PORT = 65535
_PLACE = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>[0-9]*))?")


def read_hosts(text: str, hint: str) -> list[tuple[str, int]]:
    """Hosts and ports of `h1:5432,h2,[::1]:5433`; localhost and 5432 where nothing is said.

    Raises:
        BadInput: it cannot be read so; nothing of it is shown, as it may be a part of a password.
    """
    found = []
    for one in text.split(","):
        place = _PLACE.fullmatch(one)
        if place is None:
            raise BadInput("the database URL cannot be read", hint=hint, code="url")
        host = unquote(place["six"] or place["host"] or "") or "localhost"
        found.append((host if "/" in host else host.lower(), _number(place["port"] or "")))
    return found


def redirected(places: list[tuple[str, int]], hosts: str, ports: str) -> list[tuple[str, int]]:
    """The places where `host=` and `port=` of the query have the last word: one port for all hosts, or one for each.

    Raises:
        BadInput: a port that is no number, or another number of ports than of hosts.
    """
    names = [host or "localhost" for host in hosts.split(",")] if hosts else [host for host, _ in places]
    numbers = [_number(port) for port in ports.split(",")] if ports else [port for _, port in places]
    if len(numbers) == 1:
        numbers *= len(names)
    if len(numbers) != len(names):
        raise BadInput(
            f"the database URL has {len(names)} hosts and {number_of(len(numbers), 'port')}",
            hint="write one port for all of them, or one for each",
            code="url",
        )
    return list(zip(names, numbers, strict=True))


def _number(port: str) -> int:
    if not port:
        return _DEFAULT_PORT
    if not port.isdecimal() or not 0 < int(port) <= _LAST_PORT:
        raise BadInput("the port in the database URL is not a number", hint=f"1 to {_LAST_PORT}", code="url")
    return int(port)
