"""Seeds of the registry: steps that fill data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from aegisdb.fast_dataclass import dataclass
from aegisdb.registry.choice import STRICT, Choice, did_you_mean


def _hint_seed(value: Any) -> str:
    keys = [key for key in value if isinstance(key, str)] if isinstance(value, Mapping) else []
    return next(filter(None, (did_you_mean(key, ("module", "http", "sql")) for key in keys)), "")


def _pick_seed(value: Any) -> str | None:
    present = [key for key in ("module", "http", "sql") if isinstance(value, Mapping) and key in value]
    return f"<{present[0]}>" if present else None


@dataclass(frozen=True, kw_only=True)
class ModuleSeed:
    """A seed that runs as `python -m MODULE` in the service's environment."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    module: str
    """Dotted module name."""
    url_env: str = "DATABASE_URL"
    """Environment variable in which the seed gets its URL."""
    driver: str = ""
    """SQLAlchemy driver of that URL; empty for plain postgresql://."""
    fills: tuple[str, ...] = ()
    """Tables that hold at least one row after it."""
    inputs: tuple[str, ...] = ()
    """Files the seed reads, relative to the service; part of its hash."""
    timeout: float = 120
    """Total deadline in seconds."""


@dataclass(frozen=True, kw_only=True)
class HttpSeed:
    """A seed that is one HTTP request."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    http: str
    """METHOD URL, e.g. `POST http://localhost:8003/seed`."""
    serve: str | None = None
    """Command that serves it, started only if nothing listens there and stopped afterwards."""
    ready: str | None = None
    """URL that answers 200 when the service is ready."""
    remote: bool = False
    """The URL may name another host than this machine; not together with `serve`."""
    url_env: str = "DATABASE_URL"
    """Environment variable in which the served command gets its URL."""
    driver: str = ""
    """SQLAlchemy driver of that URL; empty for plain postgresql://."""
    fills: tuple[str, ...] = ()
    """Tables that hold at least one row after it."""
    inputs: tuple[str, ...] = ()
    """Files the seed reads, relative to the service; part of its hash."""
    timeout: float = 120
    """Total deadline in seconds, start of the service included."""


@dataclass(frozen=True, kw_only=True)
class SqlSeed:
    """A seed that is a SQL file run through psql."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    sql: str
    """The file, relative to the service."""
    fills: tuple[str, ...] = ()
    """Tables that hold at least one row after it."""
    timeout: float = 120
    """Total deadline in seconds."""


Seed = Annotated[
    ModuleSeed | HttpSeed | SqlSeed,
    Choice(
        _pick_seed,
        {"<module>": ModuleSeed, "<http>": HttpSeed, "<sql>": SqlSeed},
        "a seed has one of `module: package.name`, `http: POST URL` or `sql: FILE`",
        _hint_seed,
    ),
]
