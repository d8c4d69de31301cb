"""Targets with `url:`, and the one that DATABASE_URL makes."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import field
from typing import TYPE_CHECKING

from aegisdb.errors import BadInput, Refused
from aegisdb.fast_dataclass import dataclass
from aegisdb.postgres.address import Address
from aegisdb.registry.kinds import Target
from aegisdb.registry.types import ENV_TARGET

if TYPE_CHECKING:
    from aegisdb.registry.types import Registry
    from aegisdb.servers.server import Server

_THIS_MACHINE = frozenset({"", "localhost"})


@dataclass(frozen=True, kw_only=True)
class UrlTarget(Target):
    """Any PostgreSQL 14 or newer by its URL."""

    EXAMPLE = "url: postgresql://..."
    HEADING = "`targets.NAME` with `url`"

    url: str = field(repr=False)
    """postgresql://user:password@host:port/database, usually from `${VAR}`."""
    direct_url: str = field(default="", repr=False)
    """URL of the same database past a pooler: all sessions of the suite go there, `url` is what `db.url` prints."""
    bindir: str | None = None
    """Directory of a psql to use first, where it does what the URL asks (TLS)."""

    def require(self, registry: Registry, name: str) -> None:
        """Refuse a URL that cannot be read, or names no database; raises as `Target.require`."""
        source, where = "DATABASE_URL" if name == ENV_TARGET else f"target {name}", registry.path.name
        try:
            address = Address.from_url(self.url)
            if self.direct_url:
                source = "DATABASE_URL_DIRECT" if name == ENV_TARGET else f"{source}: direct_url"
                address = Address.from_url(self.direct_url)
        except (BadInput, Refused) as error:
            raise type(error)(f"{source}: {error.message}", hint=error.hint, where=where, code=error.code) from None
        if not address.database:
            hint = "write postgresql://user:password@host:port/database"
            raise BadInput(f"{source}: the database URL names no database", hint=hint, where=where, code="url")

    def urls(self) -> tuple[str, ...]:
        """The URL and the direct one."""
        return self.url, self.direct_url

    def places(self) -> frozenset[tuple[str, int, str]]:
        """Host, port and database of each server that its URLs name, all names of this machine as one."""
        found = set()
        for url in filter(None, self.urls()):
            with suppress(BadInput, Refused):
                address = Address.from_url(url)
                reached = dict(address.parameters).get("hostaddr", "")
                places = [*address.places, *([(reached, address.port)] if reached else [])]
                found |= {(_host(host), port, address.database) for host, port in places}
        return frozenset(found)

    def make_server(self, registry: Registry, name: str) -> Server:
        """The server that the URL names."""
        from aegisdb.servers.url import UrlServer

        return UrlServer(registry, name, self)


def _host(name: str) -> str:
    """A host without what makes no other host of it; the directory of a socket is this machine, too."""
    plain = name.lower().rstrip(".")
    if plain in _THIS_MACHINE or plain.startswith(("/", "@")):
        return "localhost"
    return _number(plain) or plain


def _number(name: str) -> str:
    """A numeric address in its one spelling, as the resolver of libpq reads it; empty for the name of a host."""
    from ipaddress import IPv4Address, IPv6Address

    found: IPv4Address | IPv6Address
    try:
        found = IPv6Address(name)
    except ValueError:
        try:
            found = IPv4Address(socket.inet_aton(name))  # 127.1 and 0x7f000001 are 127.0.0.1 to it
        except (OSError, ValueError):
            return ""
    found = getattr(found, "ipv4_mapped", None) or found
    return "localhost" if found.is_loopback or found.is_unspecified else str(found)


KIND = UrlTarget
