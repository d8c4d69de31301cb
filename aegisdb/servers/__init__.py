"""The targets' servers. `server_for` gives the one that a target names; `aegisdb/target_kinds` has the kinds."""

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

    spec = registry.file.targets.get(target)
    if spec is None:
        known = ", ".join(registry.file.targets)
        raise BadInput(f"no target {target!r} in {registry.path.name}", hint=f"targets: {known}", code="target")
    server: Server = spec.make_server(registry, target)
    return server
