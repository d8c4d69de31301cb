"""Targets with `server: compose`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from aegisdb.fast_dataclass import dataclass
from aegisdb.registry.kinds import Target
from aegisdb.registry.lookup import texts
from aegisdb.registry.values import NAME, NAME_HINT, match

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aegisdb.registry.document import Key
    from aegisdb.registry.problems import Problem
    from aegisdb.registry.types import Registry
    from aegisdb.servers.server import Server


@dataclass(frozen=True, kw_only=True)
class ComposeTarget(Target):
    """A PostgreSQL service of a docker compose file."""

    EXAMPLE = "server: compose"
    HEADING = "`targets.NAME` with `server: compose`"
    PATHS = ("file",)
    READS_DOTENV = True

    server: Literal["compose"]
    """Kind of server."""
    file: str = "compose.yaml"
    """The compose file, relative to the registry."""
    service: str = "postgres"
    """The service of the compose file that runs PostgreSQL."""
    flush: tuple[str, ...] = ()
    """Redis services of the compose file that a reset empties."""

    @classmethod
    def problems(cls, key: Key, plain: Mapping[str, Any]) -> Iterator[Problem]:
        """Names that no service of a compose file can have."""
        for field in ("service", "flush"):
            for place, text in texts(plain, field):
                yield from match(NAME, (*key, *place), text, "not usable as the name of a compose service", NAME_HINT)

    def way_to_own_password(self, name: str) -> str:
        """Take it from a file that git ignores; the volume keeps the one that it was made with."""
        return f"set the variable of `database.password` in .env, then invoke db.reset --volumes --target {name}"

    def make_server(self, registry: Registry, name: str) -> Server:
        """The container's server."""
        from aegisdb.servers.compose import ComposeServer

        return ComposeServer(registry, name, self)


KIND = ComposeTarget
