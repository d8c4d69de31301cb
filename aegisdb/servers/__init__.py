"""The targets' servers: embedded, compose, url. `server_for` gives the one that a target names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.servers.server import Proof, Server

if TYPE_CHECKING:
    from aegisdb.registry.types import Registry

__all__ = ["Proof", "Server", "server_for"]


def server_for(registry: Registry, target: str) -> Server:
    """The server of a target.

    Raises:
        BadInput: no such target.
    """
    from aegisdb.errors import BadInput
    from aegisdb.registry.types import ComposeTarget, EmbeddedTarget

    spec = registry.file.targets.get(target)
    if spec is None:
        known = ", ".join(registry.file.targets)
        raise BadInput(f"no target {target!r} in {registry.path.name}", hint=f"targets: {known}", code="target")
    if isinstance(spec, EmbeddedTarget):
        from aegisdb.servers.embedded import EmbeddedServer

        return EmbeddedServer(registry, target, spec)
    if isinstance(spec, ComposeTarget):
        from aegisdb.servers.compose import ComposeServer

        return ComposeServer(registry, target, spec)
    from aegisdb.servers.url import UrlServer

    return UrlServer(registry, target, spec)
