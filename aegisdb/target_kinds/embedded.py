"""Targets with `server: embedded`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from aegisdb.fast_dataclass import dataclass
from aegisdb.registry.kinds import Target
from aegisdb.registry.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aegisdb.registry.document import Key
    from aegisdb.registry.types import Registry
    from aegisdb.servers.server import Server

_MAX_PORT = 65535


@dataclass(frozen=True, kw_only=True)
class EmbeddedTarget(Target):
    """PostgreSQL 18 with AGE and pgvector from a wheel, on 127.0.0.1, data under `.aegisdb/`."""

    EXAMPLE = "server: embedded"
    HEADING = "`targets.NAME` with `server: embedded`"

    server: Literal["embedded"]
    """Kind of server."""
    port: int = 5432
    """Wished port; when it is taken a free one is used and remembered."""
    bindir: str | None = None
    """Directory of PostgreSQL's own programs to use instead of the wheel's."""
    draw_password: bool = False
    """Draw the role's password into `.aegisdb/`, for its owner alone, instead of taking the one of `database`."""
    per: Literal["repository", "worktree", "user"] = "repository"
    """Checkouts that share the server: worktrees of a git repository, none but this one, or all of the user's."""
    volatile: bool = False
    """For tests: no `fsync`, and in memory where Linux has room, so that data may go with a crash or a reboot."""

    @classmethod
    def problems(cls, key: Key, plain: Mapping[str, Any]) -> Iterator[Problem]:
        """A port that is none."""
        port = plain.get("port")
        if isinstance(port, int) and not 1 <= port <= _MAX_PORT:
            yield Problem((*key, "port"), f"a port is a number from 1 to {_MAX_PORT}")

    def own_password(self, registry: Registry, name: str) -> str | None:
        """The password that `db.up` has drawn, as far as this user may read it."""
        if not self.draw_password:
            return None
        from aegisdb.servers.checkouts import place_of
        from aegisdb.servers.drawn_password import read_password

        try:
            return read_password(place_of(registry, name, self.per).home)
        except OSError:
            return ""

    def way_to_own_password(self, name: str) -> str:
        """Have one drawn."""
        return f"set `draw_password: true` on target {name} in services.yaml, then invoke db.up"

    def starts_here(self) -> bool:
        """Whether there are programs to start, from the wheel or of `bindir`."""
        from aegisdb.servers.wheels import server_directory

        return bool(self.bindir) or server_directory() is not None

    def local_port(self) -> int:
        """The wished port."""
        return self.port

    def make_server(self, registry: Registry, name: str) -> Server:
        """The server under `.aegisdb/servers`."""
        from aegisdb.servers.embedded import EmbeddedServer

        return EmbeddedServer(registry, name, self)


KIND = EmbeddedTarget
