"""Targets of the registry: one database to work on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, ClassVar, Literal

from aegisdb.fast_dataclass import dataclass
from aegisdb.registry.choice import STRICT, Choice, did_you_mean


def _hint_target(value: Any) -> str:
    server = value.get("server") if isinstance(value, Mapping) else None
    return did_you_mean(server, ("embedded", "compose")) if isinstance(server, str) else ""


def _pick_target(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return None
    if "server" in value:
        return {"embedded": "<embedded>", "compose": "<compose>"}.get(str(value["server"]))
    return "<url>" if "url" in value else None


@dataclass(frozen=True, kw_only=True)
class EmbeddedTarget:
    """PostgreSQL 18 with AGE and pgvector from a wheel, on 127.0.0.1, data under `.aegisdb/`."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    server: Literal["embedded"]
    """Kind of server."""
    port: int = 5432
    """Wished port; when it is taken a free one is used and remembered."""
    bindir: str | None = None
    """Directory of PostgreSQL's own programs to use instead of the wheel's."""
    protected: bool = False
    """Never run a destructive task here, whatever is confirmed."""


@dataclass(frozen=True, kw_only=True)
class ComposeTarget:
    """A PostgreSQL service of a docker compose file."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    server: Literal["compose"]
    """Kind of server."""
    file: str = "compose.yaml"
    """The compose file, relative to the registry."""
    service: str = "postgres"
    """The service of the compose file that runs PostgreSQL."""
    flush: tuple[str, ...] = ()
    """Redis services of the compose file that a reset empties."""
    protected: bool = False
    """Never run a destructive task here, whatever is confirmed."""


@dataclass(frozen=True, kw_only=True)
class UrlTarget:
    """Any PostgreSQL 14 or newer by its URL."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    url: str = field(repr=False)
    """postgresql://user:password@host:port/database, usually from `${VAR}`."""
    direct_url: str = field(default="", repr=False)
    """The same database past a pooler: all sessions of the suite go there, `url` is what `db.url` prints."""
    bindir: str | None = None
    """Directory of a psql to use first, where it does what the URL asks (TLS)."""
    protected: bool = False
    """Never run a destructive task here, whatever is confirmed."""


TargetSpec = Annotated[
    EmbeddedTarget | ComposeTarget | UrlTarget,
    Choice(
        _pick_target,
        {"<embedded>": EmbeddedTarget, "<compose>": ComposeTarget, "<url>": UrlTarget},
        "a target has `server: embedded`, `server: compose` or `url: postgresql://...`",
        _hint_target,
    ),
]
